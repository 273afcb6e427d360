use std::collections::HashMap;
use std::io::{self, BufRead};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant as StdInstant, SystemTime};

use device_stack::core::{
    self, Device, DeviceObject, Event, Secret, Security, ServerAccount, ServerId,
    TemperatureObject, X509,
};
use device_stack::{Config, DeviceStack, check_account};
use lwm2m_model::{Lwm2mVersion, Models, path};
use sansio::{DatagramBuf, Instant};

use crate::{Fallible, Files};

fn server() -> Fallible<ServerId> {
    Ok(ServerId::new(123).ok_or("a server id")?)
}

fn account(
    port: u16,
    files: &Files,
    mode: &str,
    extra: &HashMap<String, String>,
) -> Fallible<ServerAccount> {
    let key = Secret::new(&files.read("client.key.der")?);
    let security = match mode {
        "psk" => Security::psk(files.read("psk.identity")?, Secret::new(&files.psk()?)),
        "rpk" => Security::raw_public_key(key, files.read("server.pub.der")?),
        "x509" => {
            let usage = extra.get("usage").map_or(Ok(3), |text| text.parse())?;
            // Usage 2 names the authority, the others the server's own certificate.
            let pinned = if usage == 2 { "ca.der" } else { "server.der" };
            let chain = vec![files.read("client.der")?];
            let mut x509 = X509::new(key, chain, files.read(pinned)?);
            x509.certificate_usage = usage;
            Security::X509(x509)
        }
        _ => return Err(format!("no such mode: {mode}").into()),
    };
    let mut account = ServerAccount::new(server()?, format!("coaps://127.0.0.1:{port}"));
    account = account.with_security(security);
    account.server_name = Some("localhost".into());
    if let Some(seconds) = extra.get("lt") {
        account = account.with_lifetime(seconds.parse()?);
    }
    check_account(&account)?;
    Ok(account)
}

pub(crate) fn run(
    port: u16,
    files: &Files,
    mode: &str,
    extra: &HashMap<String, String>,
) -> Fallible<()> {
    let name = extra.get("ep").map_or("device-1", String::as_str);
    let models = Models::builtin();
    let mut device = Device::new(core::Config::new(name), &models)?;
    device.add_object(TemperatureObject::new().with_sensor(0, 21.5))?;
    let mut facts = DeviceObject::default();
    facts.manufacturer = Some("ours".into());
    facts.timezone = Some("Europe/Berlin".into());
    device.add_object(facts.into_object(&models, Lwm2mVersion::V1_1)?)?;
    device.add_server(account(port, files, mode, extra)?)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let began = StdInstant::now();
    let now = || Instant::from_micros(began.elapsed().as_micros() as u64);
    let mut stack = DeviceStack::new(device, Config::default(), seed, now());
    let since = SystemTime::UNIX_EPOCH.elapsed()?;
    stack.handle_wall_clock(since.as_secs());
    stack.device_mut().start(now());
    let mut socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (told, lines) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        let mut memory = [0; 2048];
        let mut out = DatagramBuf::new(&mut memory, DeviceStack::HEADROOM, DeviceStack::TAILROOM);
        while let Some(datagram) = stack.poll_transmit(now(), &mut out) {
            let _ = socket.send_to(out.bytes(), datagram.to);
        }
        while let Some(event) = stack.poll_event() {
            tell(&event);
        }
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let mut bytes = [0; 2048];
        if let Ok((len, from)) = socket.recv_from(&mut bytes) {
            let datagram = bytes.get_mut(..len).unwrap_or_default();
            stack.handle_datagram(now(), 0, from, datagram);
        }
        stack.handle_timeout(now());
        match lines.try_recv() {
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
            Ok(line) => match line.split_once(' ').unwrap_or((&line, "")) {
                ("set", value) => {
                    let value: f64 = value.parse()?;
                    stack.device_mut().set(&path!(3303, 0, 5700), value)?;
                }
                ("update", _) => stack.device_mut().update(server()?, None)?,
                ("stop", _) => drop(stack.device_mut().deregister(None)?),
                ("rebind", _) => socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
                _ => println!("failed no such command: {line}"),
            },
        }
    }
}

fn tell(event: &Event) {
    match event {
        Event::Registered { .. } => println!("registered"),
        Event::Updated { .. } => println!("updated"),
        Event::Unregistered { .. } => println!("deregistered"),
        Event::Executed { .. } => println!("executed"),
        other => println!("{other:?}"),
    }
}
