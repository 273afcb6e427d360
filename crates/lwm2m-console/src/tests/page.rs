//! The page in a real browser: headless Chromium, driven over WebDriver.
//!
//! Skipped, loudly, where `chromedriver` is absent. With `LWM2M_SCREENSHOTS` set to a folder, every state is also
//! photographed: wide and light, wide and dark, 360 px wide.

use core::time::Duration;
use std::{
    io::Read as _,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Instant, SystemTime},
};

use base64::Engine as _;
use coap_codec::Code;
use lwm2m_model::Value;
use serde_json::{Value as Json, json};

use super::{Console, TOKEN};
use crate::{
    ServeLimits,
    backend::{Data, Failure},
    fake::Fake,
    serve,
};

/// A browser with one window.
struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    profile: std::path::PathBuf,
}

impl Browser {
    /// `None` where there is no chromedriver.
    fn start() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let spawned = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = spawned else {
            eprintln!(
                "SKIPPED: the page is not tested, since chromedriver is not installed (apt-get install chromium-driver)"
            );
            return None;
        };
        // It says when it is ready; what it says later is not read.
        let mut said = String::new();
        let mut byte = [0];
        let mut stdout = driver.stdout.take().unwrap();
        while !said.contains("started successfully") && stdout.read(&mut byte).unwrap_or(0) == 1 {
            said.push(char::from(byte[0]));
        }
        thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let profile = std::env::temp_dir().join(format!("lwm2m-console-page-{port}"));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let mut browser = Self {
            driver,
            agent,
            session: format!("http://127.0.0.1:{port}/session"),
            profile,
        };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1360,900",
            "--lang=en-GB",
        ];
        let arguments: Vec<_> = arguments
            .into_iter()
            .map(str::to_owned)
            .chain([format!("--user-data-dir={}", browser.profile.display())])
            .collect();
        let made = browser.post(
            "",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"},
            }}}),
        );
        browser.session = format!(
            "{}/{}",
            browser.session,
            made["sessionId"]
                .as_str()
                .unwrap_or_else(|| panic!("{made}"))
        );
        Some(browser)
    }

    fn post(&self, path: &str, body: &Json) -> Json {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.session))
            .send_json(body)
            .unwrap();
        let json: Json = answer.body_mut().read_json().unwrap();
        assert!(json["value"].get("error").is_none(), "{path}: {json}");
        json["value"].clone()
    }

    fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs a function body in the page.
    fn run(&self, script: &str) -> Json {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    fn wait(&self, expression: &str) -> Json {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let value = self.run(&format!("return {expression}"));
            if !matches!(value, Json::Null | Json::Bool(false))
                && value != json!(0)
                && value != json!("")
            {
                return value;
            }
            assert!(
                Instant::now() < end,
                "not true in time: {expression}\n{}",
                self.run("return document.body.innerText")
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a text on the page.
    #[track_caller]
    fn see(&self, text: &str) {
        self.wait(&format!(
            "document.body.innerText.includes({})",
            json!(text)
        ));
    }

    /// Clicks the button or link with this name (its text or its label).
    #[track_caller]
    fn click(&self, name: &str) {
        let find = format!(
            "[...document.querySelectorAll('dialog[open] button, dialog[open] a')].concat(document.querySelector('dialog[open]') ? [] : [...document.querySelectorAll('button, a, summary')]).find(one => !one.disabled && one.checkVisibility() && (one.getAttribute('aria-label') ?? one.innerText).trim() === {})",
            json!(name)
        );
        self.wait(&format!("Boolean({find})"));
        self.run(&format!(
            "const found = {find}; found.focus(); found.click()"
        ));
    }

    /// Types into the field that a CSS selector names.
    fn fill(&self, selector: &str, text: &str) {
        let selector = json!(selector);
        self.wait(&format!("Boolean(document.querySelector({selector}))"));
        self.run(&format!(
            "const field = document.querySelector({selector}); field.focus(); field.value = {}; field.dispatchEvent(new Event('input', {{bubbles: true}}))",
            json!(text)
        ));
    }

    /// Sends a key to whatever has the focus.
    fn key(&self, key: &str) {
        self.post(
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]}),
        );
    }

    fn cdp(&self, command: &str, parameters: &Json) {
        self.post(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        );
    }

    /// Photographs the state in three looks, if somebody wants to see it; checks that no look is wider than its window.
    fn photograph(&self, name: &str) {
        let folder = std::env::var_os("LWM2M_SCREENSHOTS").map(std::path::PathBuf::from);
        for (look, width, theme) in [
            ("light", 1360, "light"),
            ("dark", 1360, "dark"),
            ("narrow", 360, "light"),
            ("middle", 900, "dark"),
        ] {
            self.cdp("Emulation.setDeviceMetricsOverride", &json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}));
            self.cdp("Emulation.setEmulatedMedia", &json!({"features": [
                {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]}));
            // A chart follows its box with the next frame.
            let wide =
                "document.documentElement.scrollWidth > document.documentElement.clientWidth";
            let end = Instant::now() + Duration::from_secs(3);
            while self.run(&format!("return {wide}")) == true {
                let far = format!(
                    "[...document.querySelectorAll('*')].filter(one => one.getBoundingClientRect().right > {width} + 1).map(one => `${{one.tagName}}.${{one.getAttribute('class')}}`).join(', ')"
                );
                assert!(
                    Instant::now() < end,
                    "{name} scrolls sideways at {width} px: {}",
                    self.run(&format!("return {far}"))
                );
                thread::sleep(Duration::from_millis(50));
            }
            let faults = self.run(AUDIT);
            assert_eq!(faults, json!([]), "{name}, {look}");
            if let Some(folder) = &folder {
                let height = self.run(
                    "return Math.min(2400, Math.max(900, document.documentElement.scrollHeight))",
                );
                self.cdp("Emulation.setDeviceMetricsOverride", &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}));
                thread::sleep(Duration::from_millis(120));
                let mut answer = self
                    .agent
                    .get(format!("{}/screenshot", self.session))
                    .call()
                    .unwrap();
                let json: Json = answer
                    .body_mut()
                    .with_config()
                    .limit(50_000_000)
                    .read_json()
                    .unwrap();
                let png = base64::engine::general_purpose::STANDARD
                    .decode(json["value"].as_str().unwrap())
                    .unwrap();
                std::fs::write(folder.join(format!("{name}-{look}.png")), png).unwrap();
            }
        }
        self.cdp("Emulation.clearDeviceMetricsOverride", &json!({}));
        self.cdp("Emulation.setEmulatedMedia", &json!({"features": []}));
    }

    /// What the browser complained about, apart from the answers that a test asks for.
    fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "browser"}));
        let lines = log
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["message"].as_str().unwrap().to_owned());
        lines
            .filter(|line| {
                !line.contains("Failed to load resource: the server responded with a status of")
            })
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.agent.delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}

/// What an assistive technology or a weak eye would stumble over: contrast under 4.5:1 (WCAG 2.2
/// §1.4.3), controls without a name (§4.1.2), ids that stand twice, more or less than one main heading.
const AUDIT: &str = r#"
    const numbers = (colour) => {
        const found = colour.match(/[\d.]+/g).map(Number);
        const parts = colour.startsWith("color(") ? found.slice(0, 3).map((one) => one * 255).concat(found.slice(3)) : found;
        return parts.length === 3 ? [...parts, 1] : parts;
    };
    const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
    const behind = (node) => {
        const layers = [];
        for (let one = node; one; one = one.parentElement) {
            const colour = numbers(getComputedStyle(one).backgroundColor);
            layers.push(colour);
            if (colour[3] === 1) break;
        }
        return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]);
    };
    const light = (colour) => {
        const [r, g, b] = colour.map((one) => { const c = one / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faults = [];
    const open = document.querySelector("dialog[open]");
    for (const node of document.body.querySelectorAll("*")) {
        if (open && !open.contains(node)) continue;
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!own || !node.checkVisibility() || node.closest("svg, .visually-hidden, .skip, :disabled")) continue;
        const ground = behind(node);
        const ink = over(numbers(getComputedStyle(node).color), ground);
        const [high, low] = [light(ink), light(ground)].sort((one, other) => other - one);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${node.tagName}.${node.className} ${node.textContent.slice(0, 30)}`);
    }
    for (const node of document.querySelectorAll("button, a, input, select, textarea")) {
        if (!node.checkVisibility()) continue;
        const name = node.getAttribute("aria-label") ?? (node.labels?.length ? node.labels[0].innerText : node.innerText);
        if (!name?.trim()) faults.push(`no name: ${node.outerHTML.slice(0, 80)}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
    ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => faults.push(`id twice: ${id}`));
    const main = [...document.querySelectorAll("h1")].filter((node) => node.checkVisibility());
    if (main.length !== 1) faults.push(`${main.length} main headings`);
    return faults;
"#;

/// Serves a console and drives a browser on a thread of its own.
async fn with_browser(fake: Fake, act: impl FnOnce(&Browser, &Fake, &str) + Send + 'static) {
    let console = Console::with(fake, |config| config.max_failed_logins = 1000);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let fake = Arc::clone(&console.fake);
    let driving = tokio::task::spawn_blocking(move || {
        if let Some(browser) = Browser::start() {
            act(&browser, &fake, &format!("http://{address}/"));
            assert_eq!(browser.complaints(), Vec::<String>::new());
        }
    });
    let (done, stop) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(
        listener,
        console.router,
        ServeLimits::default(),
        async { drop(stop.await) },
    ));
    let result = driving.await;
    drop(done);
    serving.abort();
    result.unwrap();
}

fn log_in(browser: &Browser, url: &str) {
    browser.open(url);
    browser.fill("#token", TOKEN);
    browser.click("Log in");
    browser.see("Devices");
}

/// A thousand devices that come at once, leave and report: the list stays true and does not shrink under its reader,
/// with few requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_devices_at_once() {
    with_browser(Fake::live(), |browser, fake, url| {
        log_in(browser, url);
        browser.see("No device yet");
        browser.wait("document.getElementById('live-text').textContent === 'Live'");
        for n in 0..1000 {
            fake.register_at(&format!("meter-{n:04}"), SystemTime::now());
        }
        browser.see("50+ devices");
        while browser.run("return document.querySelectorAll('tbody tr').length") != 1000 {
            let shown = browser.run("return document.querySelectorAll('tbody tr').length");
            browser.click("Show more");
            browser.wait(&format!("document.querySelectorAll('tbody tr').length > {shown}"));
        }
        browser.see("1000 devices");
        assert_eq!(browser.run("return document.body.innerText.includes('Show more')"), false);
        let listed = "performance.getEntriesByType('resource').filter(one => one.name.includes('/devices?')).length";
        let before = browser.run(&format!("return {listed}")).as_u64().unwrap();
        for n in (0..1000).step_by(2) {
            fake.leave(&format!("meter-{n:04}"));
        }
        browser.see("500 devices");
        browser.wait("document.querySelectorAll('tbody tr').length === 500");
        for n in (1..1000).step_by(2) {
            fake.register_at(&format!("meter-{n:04}"), SystemTime::now());
        }
        fake.register_at("meter-9999", SystemTime::now());
        browser.see("501 devices");
        // One for each quarter of a second of the bursts, in two parts.
        let after = browser.run(&format!("return {listed}")).as_u64().unwrap();
        assert!(after - before <= 20, "{} requests", after - before);

        // One of them sends nothing but garbage: the page says so, a few times, and stays usable.
        browser.click("meter-0001");
        browser.see("Sensor Value");
        for n in 0..1000 {
            let garbage = json!({"path": "/3303/0/5700", "problem": format!("garbage {n}")});
            fake.emit(Some("meter-0001"), "observation.notified", Data::Other(garbage));
        }
        browser.see("cannot be read");
        browser.click("Read all");
        browser.see("21.5");
        let told = browser.run("return document.querySelectorAll('.toast').length");
        assert!(told.as_u64().unwrap() <= 4, "{told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_login_to_a_live_chart() {
    with_browser(Fake::live(), |browser, fake, url| {
        // Login: a wrong token says so, the right one opens the page.
        browser.open(url);
        browser.wait("document.activeElement.id === 'token'");
        browser.photograph("login");
        browser.fill("#token", "not-the-right-token");
        browser.click("Log in");
        browser.see("The token is wrong");
        browser.fill("#token", TOKEN);
        browser.click("Log in");

        // Nobody is here; then somebody is, without a reload.
        browser.see("No device yet");
        browser.see("lwm2m-client --server coap://127.0.0.1:5683 --endpoint my-first-device");
        browser.wait("document.getElementById('live-text').textContent === 'Live'");
        browser.photograph("devices-empty");
        fake.register_at("thermostat-lobby", SystemTime::now());
        browser.see("thermostat-lobby");
        for n in 1..8 {
            fake.register_at(&format!("meter-{n:02}"), SystemTime::now() - Duration::from_secs(n * 41));
        }
        fake.register_at("urn:dev:ops:32473-building-7-third-floor-north-wing-sensor-0042-with-a-very-long-name", SystemTime::now());
        browser.see("9 devices");
        let refusal = json!({
            "address": "192.0.2.7:40000",
            "coap_code": "4.03",
            "reason": "not_admitted",
            "detail": "no record admits this endpoint",
        });
        fake.emit(Some("meter-99"), "registration.refused", Data::Other(refusal));
        browser.see("was refused");
        browser.photograph("devices");
        browser.click("Dismiss");
        browser.key("/");
        browser.wait("document.activeElement.type === 'search'");
        browser.fill("#device-search", "meter");
        browser.see("7 devices with");
        browser.wait("location.hash === '#/devices?q=meter'");
        browser.fill("#device-search", "zzz");
        browser.see("No device has this name");
        browser.photograph("devices-no-match");
        browser.click("Clear the search");

        // A device: read, observe, watch it live.
        browser.click("thermostat-lobby");
        browser.wait("document.querySelector('h1').textContent === 'thermostat-lobby' && document.activeElement === document.querySelector('h1')");
        browser.see("Sensor Value");
        browser.photograph("device-unread");
        browser.click("Read all");
        browser.see("21.5");
        browser.see("more that the definition has");
        browser.click("Observe Sensor Value");
        browser.wait("document.querySelectorAll('.chart circle').length === 1");
        for n in 0..24 {
            fake.set("thermostat-lobby", "/3303/0/5700", Value::Float(21.0 + f64::from(n * 7 % 13) / 10.0 + f64::from(n) / 20.0));
            thread::sleep(Duration::from_millis(60));
        }
        fake.set("thermostat-lobby", "/3303/0/5700", Value::Float(22.125));
        browser.wait("document.querySelector('.chart-now').textContent.startsWith('22.125')");
        browser.wait("[...document.querySelectorAll('td.value-cell')].some(cell => cell.textContent.startsWith('22.125'))");
        browser.wait("document.querySelector('.chart .line').getAttribute('d').length > 100");
        browser.run("document.querySelector('.chart svg').focus()");
        browser.key("\u{e012}");
        browser.wait("!document.querySelector('.chart-tip').hidden");
        browser.photograph("device-live");

        // The Device object: a write that is refused by the page, then one that arrives; an execute; a refusal.
        browser.run("location.hash = '#/devices/thermostat-lobby/3/0'");
        browser.wait("document.querySelector('section h2')?.textContent !== null && document.body.innerText.includes('Reboot')");
        browser.click("Read all");
        browser.see("Acme");
        browser.photograph("device-object");
        browser.click("Show 16 more that the definition has and the device did not report");
        browser.click("Write UTC Offset");
        browser.wait("Boolean(document.querySelector('dialog[open]'))");
        browser.fill("dialog input", "+01:00");
        browser.photograph("dialog-write");
        browser.click("Write");
        browser.wait("!document.querySelector('dialog[open]')");
        browser.see("+01:00");
        assert!(fake.calls().iter().any(|call| call.starts_with("write thermostat-lobby /3/0/14 Replace")));
        browser.click("Execute Reboot");
        browser.fill("dialog input", "0='now'");
        browser.click("Execute");
        browser.wait("!document.querySelector('dialog[open]')");
        assert!(fake.calls().iter().any(|call| call == "execute thermostat-lobby /3/0/4 0='now'"));
        browser.wait("document.activeElement.getAttribute('aria-label') === 'Execute Reboot'");
        fake.fail(Failure::Device { code: Code::METHOD_NOT_ALLOWED, diagnostic: String::new() });
        browser.click("Read Manufacturer");
        browser.see("The device answered 4.05 (Method Not Allowed)");
        browser.see("4.05");
        browser.photograph("device-refusal");

        // It leaves, and the page says so.
        fake.leave("thermostat-lobby");
        browser.see("Left at");
        browser.photograph("device-gone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_server_theme_and_logout() {
    with_browser(Fake::with_thermometer(), |browser, _, url| {
        log_in(browser, url);
        browser.click("Objects");
        browser.see("in the registry on board");
        browser.fill("#object-search", "temperature");
        browser.see("for “temperature”");
        browser.photograph("objects");
        browser.run("location.hash = '#/objects/3303'");
        browser.see("urn:oma:lwm2m:ext:3303:1.1");
        browser.see("On these devices");
        browser.photograph("object");
        browser.run("location.hash = '#/objects/64999'");
        browser.see("Object 64999 is not defined");
        browser.photograph("object-unknown");
        browser.click("Server");
        browser.see("coap://[::1]:5683");
        browser.see("4,711");
        browser.photograph("server");
        browser.run("location.hash = '#/devices/nobody'");
        browser.see("This device is not registered");
        browser.photograph("device-unknown");
        for theme in ["light", "dark"] {
            browser.run("document.querySelector('[aria-label^=\"Theme\"]').click()");
            browser.wait(&format!(
                "document.documentElement.dataset.theme === '{theme}'"
            ));
        }
        browser.run("document.querySelector('[aria-label^=\"Theme\"]').click()");
        browser.wait("document.documentElement.dataset.theme === undefined");
        browser.click("Log out");
        browser.see("Admin token");
        browser.open(&format!("{url}#/server"));
        browser.see("Admin token");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_from_the_first_key_to_a_failed_handshake() {
    with_browser(Fake::live().secured(), |browser, fake, url| {
        log_in(browser, url);
        browser.wait("document.getElementById('live-text').textContent === 'Live'");
        browser.click("Security");
        browser.see("No credentials yet");
        browser.photograph("security-empty");

        // A key that the server draws is shown once, with commands.
        browser.click("Generate a key");
        browser.click("Generate");
        browser.see("The endpoint name is missing");
        browser.fill("dialog [data-field=ep]", "lamp");
        browser.fill("dialog [data-field=identity]", "lamp-key");
        browser.photograph("dialog-generate");
        browser.click("Generate");
        browser.see("It is shown now and never again");
        let key = browser.wait("[...document.querySelectorAll('dialog code')].map(one => one.textContent).find(text => text.startsWith('hex:'))");
        let key = key.as_str().unwrap().strip_prefix("hex:").unwrap().to_owned();
        assert_eq!(key.len(), 32);
        for tool in ["lwm2m-client", "Anjay", "libcoap", "Leshan"] {
            browser.see(tool);
        }
        browser.see("coaps://127.0.0.1:5684");
        browser.photograph("dialog-key");
        browser.click("I have kept it");
        browser.wait("!document.querySelector('dialog')");
        browser.see("1 endpoint");
        browser.see("key of 16 bytes");
        browser.wait("document.querySelector('tbody time')?.dateTime === '2026-11-28T10:00:00Z'");
        assert_eq!(browser.run(&format!("return document.documentElement.outerHTML.includes({})", json!(key))), false);

        // Each mode; what cannot be says which field, and the dialog stays.
        browser.click("Add credentials");
        browser.fill("dialog [data-field=ep]", "meter");
        browser.fill("dialog [data-field=identity]", "lamp-key");
        browser.fill("dialog [data-field=key]", "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90");
        browser.click("Save");
        browser.see("is taken by endpoint");
        browser.wait("document.activeElement.dataset.field === 'identity' && document.activeElement.getAttribute('aria-invalid') === 'true'");
        browser.fill("dialog [data-field=identity]", "");
        browser.fill("dialog [data-field=key]", "a1b2c3d4");
        browser.click("Save");
        browser.see("It could be hex (4 bytes), base64 (6 bytes) or text (8 bytes)");
        browser.photograph("dialog-credentials");
        browser.fill("dialog [data-field=key]", "hex:a1b2c3d4");
        browser.click("Save");
        browser.see("The key has only 4 bytes");
        let key = fake_public_key();
        for (ep, mode, fill) in [("pump", "rpk", Some(("public_key", key.as_str()))), ("gate", "x509", Some(("name", "gate.example"))), ("test", "nosec", None)] {
            browser.click("Add credentials");
            browser.fill("dialog [data-field=ep]", ep);
            browser.run(&format!("document.querySelector('dialog input[value={mode}]').click()"));
            if let Some((field, text)) = fill {
                browser.fill(&format!("dialog [data-field={field}]"), text);
            }
            browser.photograph(&format!("dialog-{mode}"));
            browser.click("Save");
            browser.wait("!document.querySelector('dialog')");
            browser.wait(&format!("[...document.querySelectorAll('tbody a')].some(one => one.textContent === '{ep}')"));
        }
        browser.see("5 endpoints");
        browser.photograph("security");
        browser.click("Edit gate");
        browser.wait("document.querySelector('dialog [data-field=ep]').readOnly && document.querySelector('dialog [data-field=name]').value === 'gate.example'");
        browser.click("Cancel");
        browser.wait("document.activeElement.getAttribute('aria-label') === 'Edit gate'");
        browser.click("Remove the credentials of test");
        browser.click("Remove");
        browser.see("4 endpoints");
        browser.fill("#security-search", "lam");
        browser.wait("location.hash === '#/security?q=lam'");
        browser.see("1 endpoint");

        // Who fails stands here with a near miss.
        fake.emit(None, "handshake.failed", Data::Other(json!({
            "address": "192.0.2.7:40000", "reason": "unknown_psk_identity", "untold": 3,
            "detail": "no device has this PSK identity (identity \"Lamp-Key\")",
            "hint": "the identity differs from \"lamp-key\" of endpoint \"lamp\" only by case",
        })));
        browser.see("Failed handshakes");
        browser.see("only by case");
        browser.see("and 3 more");
        browser.photograph("security-failed");

        // A device with a padlock, and the server's identity.
        fake.register_at("lamp", SystemTime::now());
        fake.secure("lamp");
        fake.register_at("plain", SystemTime::now());
        browser.run("location.hash = '#/devices'");
        browser.see("PSK");
        browser.see("NoSec");
        browser.photograph("devices-secured");
        browser.run("location.hash = '#/devices/lamp'");
        browser.see("TLS_PSK_WITH_AES_128_CCM_8");
        browser.run("location.hash = '#/server'");
        browser.see("no authority is trusted: --trust DIR");
        browser.see("-----BEGIN PUBLIC KEY-----");
        browser.photograph("server-secured");
    })
    .await;
}

/// Some public key as PEM.
fn fake_public_key() -> String {
    let pem = include_bytes!("server.pem");
    let certificates = lwm2m_identity::material::read(pem).unwrap().certificates();
    certificates.unwrap()[0].public_key().to_pem()
}

#[tokio::test(flavor = "multi_thread")]
async fn m07_a_device_cannot_put_markup_into_the_page() {
    let fake = Fake::new();
    let nasty = [
        "<img src=x onerror=document.title='owned'>",
        "\"><script>document.title='owned'</script>",
        "a/b?c#d:execute",
        "\u{202e}drowssap",
    ];
    for ep in nasty {
        fake.register_at(ep, SystemTime::now());
        fake.set(
            ep,
            "/3/0/0",
            Value::from("<b onmouseover=alert(1)>bold</b><svg onload=document.title='owned'>"),
        );
    }
    with_browser(fake, move |browser, fake, url| {
        log_in(browser, url);
        browser.see("4 devices");
        for ep in nasty {
            browser.see(ep);
            browser.run(&format!("location.hash = '#/devices/' + encodeURIComponent({}) + '/3/0'", json!(ep)));
            browser.wait(&format!("document.querySelector('h1').textContent === {}", json!(ep)));
            browser.click("Read all");
            browser.see("<b onmouseover=alert(1)>bold</b>");
            browser.click("Execute Reboot");
            browser.click("Execute");
            browser.wait("!document.querySelector('dialog[open]')");
            assert!(fake.calls().iter().any(|call| *call == format!("execute {ep} /3/0/4 ")), "{ep}");
            browser.run("location.hash = '#/devices'");
        }
        browser.see("4 devices");
        browser.photograph("devices-nasty");
        assert_eq!(browser.run("return document.querySelectorAll('main img, main script, main b[onmouseover], main svg[onload]').length"), 0);
        assert_ne!(browser.run("return document.title"), "owned");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_server_is_told_and_found_again() {
    with_browser(Fake::with_thermometer(), |browser, fake, url| {
        log_in(browser, url);
        browser.see("1 device");
        browser.wait("document.getElementById('live-text').textContent === 'Live'");
        // The stream ends; the browser comes back by itself and reads again.
        fake.stop();
        browser.wait("document.getElementById('live-text').textContent !== 'Live'");
        fake.resume();
        browser.wait("document.getElementById('live-text').textContent === 'Live'");
        fake.register("late");
        browser.see("2 devices");
        // No network at all.
        browser.cdp("Network.enable", &json!({}));
        browser.cdp("Network.emulateNetworkConditions", &json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}));
        browser.run("location.hash = '#/server'");
        browser.see("The server cannot be reached");
        browser.photograph("offline");
        browser.cdp("Network.emulateNetworkConditions", &json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}));
        browser.click("Try again");
        browser.see("coap://127.0.0.1:5683");
        browser.complaints();
    })
    .await;
}
