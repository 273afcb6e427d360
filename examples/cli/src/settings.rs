use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use support::read_file;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Format;

/// What every command runs with.
pub(crate) struct Settings {
    /// Where the server is, without a slash at the end.
    pub(crate) url: String,
    pub(crate) token: Option<Token>,
    pub(crate) output: Option<Format>,
    /// How long a device may take; the server decides when absent.
    pub(crate) timeout: Option<Duration>,
    pub(crate) quiet: bool,
}

/// The secret that the server asks for. It prints as nothing.
#[derive(Clone)]
pub(crate) struct Token(String);

/// The configuration file: flags' names with `_`, all optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    url: Option<String>,
    admin_token_file: Option<PathBuf>,
    output: Option<Format>,
    timeout: Option<NonZeroU64>,
    quiet: Option<bool>,
}

impl Settings {
    /// Flags before the environment, the environment before the file, the file before the defaults.
    pub(crate) fn resolve(global: Global, secret: Option<String>) -> Result<Self, Failure> {
        let file: File = match &global.config {
            Some(path) => read_file(path)?,
            None => File::default(),
        };
        let url = global.url.or(file.url);
        let token = match (global.admin_token_file, secret, file.admin_token_file) {
            (Some(path), _, _) | (None, None, Some(path)) => Some(Token::from_file(&path)?),
            (None, Some(secret), _) => Some(Token::new(&secret, "LWM2M_ADMIN_TOKEN")?),
            (None, None, None) => None,
        };
        Ok(Self {
            url: base_url(url.as_deref().unwrap_or("http://127.0.0.1:8080"))?,
            token,
            output: global.output.or(file.output),
            timeout: global
                .timeout
                .or(file.timeout)
                .map(|seconds| Duration::from_secs(seconds.get())),
            quiet: global.quiet || file.quiet.unwrap_or_default(),
        })
    }

    /// Whether what is sent stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let uri = self.url.parse::<ureq::http::Uri>();
        uri.ok()
            .and_then(|uri| Some(uri.host()?.trim_matches(['[', ']']).to_owned()))
            .is_some_and(|host| {
                host == "localhost"
                    || host
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            })
    }
}

impl Token {
    fn new(text: &str, source: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("{source} holds no token: visible ASCII characters, no spaces");
            return Err(Failure::usage(message));
        }
        Ok(Self(text.to_owned()))
    }

    fn from_file(path: &std::path::Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the token from {}: {error}",
                path.display()
            ))
        })?;
        let line = text.lines().next().unwrap_or_default();
        Self::new(line, &path.display().to_string())
    }

    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

fn base_url(text: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::usage(format!("the server's URL {text:?} {why}"));
    let uri: ureq::http::Uri = text
        .parse()
        .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(wrong("asks for TLS, which this program does not speak")
                .hint("run it on the server's machine, or through a tunnel (ssh -L 8080:127.0.0.1:8080)"));
        }
        _ => return Err(wrong("is not http://HOST:PORT")),
    }
    if uri.query().is_some() {
        return Err(wrong("has a query; a token never stands there"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(global: Global, secret: Option<&str>) -> Result<Settings, String> {
        Settings::resolve(global, secret.map(str::to_owned)).map_err(|failure| {
            assert_eq!(failure.exit, 2);
            failure.to_string()
        })
    }

    fn global() -> Global {
        Global {
            url: None,
            admin_token_file: None,
            config: None,
            output: None,
            timeout: None,
            quiet: false,
        }
    }

    #[test]
    fn flags_before_file_before_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let (config, token) = (folder.path().join("c.toml"), folder.path().join("token"));
        std::fs::write(&token, "from-file\nsecond line\n").unwrap();
        let text = format!(
            "url = \"http://h:1/\"\noutput = \"json\"\ntimeout = 7\nadmin_token_file = {token:?}\n"
        );
        std::fs::write(&config, text).unwrap();
        let plain = resolve(global(), None).unwrap();
        assert_eq!(plain.url, "http://127.0.0.1:8080");
        assert!(plain.token.is_none() && plain.is_local());
        let with_file = || Global {
            config: Some(config.clone()),
            ..global()
        };
        let by_file = resolve(with_file(), None).unwrap();
        assert_eq!(by_file.url, "http://h:1");
        assert_eq!(by_file.output, Some(Format::Json));
        assert_eq!(by_file.timeout, Some(Duration::from_secs(7)));
        assert_eq!(by_file.token.unwrap().header(), "Bearer from-file");
        let by_environment = resolve(with_file(), Some("secret\n")).unwrap();
        assert_eq!(by_environment.token.unwrap().header(), "Bearer secret");
        let by_flag = Global {
            url: Some("http://[::1]:2".into()),
            admin_token_file: Some(token),
            output: Some(Format::Jsonl),
            ..with_file()
        };
        let by_flag = resolve(by_flag, Some("secret")).unwrap();
        assert!(by_flag.is_local());
        assert_eq!(by_flag.output, Some(Format::Jsonl));
        assert_eq!(by_flag.token.unwrap().header(), "Bearer from-file");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("c.toml");
        std::fs::write(&config, "# mine\n\nurll = \"http://h\"\n").unwrap();
        let url = |url: &str| Global {
            url: Some(url.to_owned()),
            ..global()
        };
        let unknown = Global {
            config: Some(config),
            ..global()
        };
        let missing = Global {
            admin_token_file: Some("no/such/file".into()),
            ..global()
        };
        for (global, secret, told) in [
            (unknown, None, "c.toml:3: unknown field `urll`"),
            (missing, None, "cannot read the token from no/such/file"),
            (global(), Some(" "), "LWM2M_ADMIN_TOKEN holds no token"),
            (global(), Some("a b"), "LWM2M_ADMIN_TOKEN holds no token"),
            (url("https://h"), None, "asks for TLS"),
            (url("localhost:8080"), None, "is not http://HOST:PORT"),
            (url("/api"), None, "is not http://HOST:PORT"),
            (url("http://h/?token=x"), None, "has a query"),
            (url("http://h/ x"), None, "cannot be read"),
        ] {
            let error = resolve(global, secret).err().expect(told);
            assert!(error.contains(told), "{error}");
        }
        let far = Settings::resolve(url("http://192.0.2.1:8080"), None);
        assert!(!far.ok().unwrap().is_local());
    }
}
