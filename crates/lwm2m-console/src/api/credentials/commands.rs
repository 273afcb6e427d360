//! Command lines that try a pre-shared key, to be pasted.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::hex;

/// How devices reach this server by DTLS: `coaps://HOST:PORT`, with the host by which the caller reaches the console
/// where the server listens on all addresses. `None` when no address speaks DTLS.
pub(super) fn server(endpoints: &[String], headers: &HeaderMap) -> Option<String> {
    let secured = endpoints
        .iter()
        .find_map(|endpoint| endpoint.strip_prefix("coaps://"))?;
    let (host, port) = secured.rsplit_once(':')?;
    let any = host
        .trim_matches(['[', ']'])
        .parse()
        .is_ok_and(|address: IpAddr| address.is_unspecified());
    let host = if any { called(headers)? } else { host };
    Some(format!("coaps://{host}:{port}"))
}

/// The host in the request, if it is one.
fn called(headers: &HeaderMap) -> Option<&str> {
    let named = headers.get(header::HOST)?.to_str().ok()?;
    let host = match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => named,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (!host.is_empty() && host.bytes().all(plain)).then_some(host)
}

/// One for each tool, in the order in which people try them.
pub(super) fn all(server: &str, ep: &str, identity: &str, key: &[u8]) -> Vec<Json> {
    let key_hex = hex(key);
    let key_hex = key_hex.as_str();
    let identity_hex = hex(identity.as_bytes());
    let (name, id) = (quoted(ep), quoted(identity));
    // The brackets of an IPv6 address are a pattern to a shell, and to zsh an error.
    let uri = quoted(server);
    // A shell's printf knows octal numbers everywhere.
    let octal: Zeroizing<String> =
        Zeroizing::new(key.iter().map(|byte| format!("\\{byte:03o}")).collect());
    let query = percent(ep);
    [
        (
            "lwm2m-client",
            format!(
                "printf '%s\\n' hex:{key_hex} | lwm2m-client --server {uri} --endpoint {name} --psk-identity {id} --psk-stdin"
            ),
        ),
        (
            "Anjay",
            format!(
                "demo --endpoint-name {name} --server-uri {uri} --security-mode psk --identity {} --key {key_hex}",
                *identity_hex
            ),
        ),
        (
            "libcoap",
            format!(
                "coap-client -m post -u {id} -k \"$(printf '{}')\" -t 40 -e '</3/0>' {}",
                *octal,
                quoted(&format!("{server}/rd?ep={query}&lt=300&lwm2m=1.1&b=U"))
            ),
        ),
        (
            "Leshan",
            format!("java -jar leshan-demo-client.jar -u {uri} -n {name} -i {id} -p {key_hex}"),
        ),
    ]
    .into_iter()
    .map(|(tool, command)| json!({ "tool": tool, "command": command }))
    .collect()
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@+,".contains(&byte);
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A value of a query, percent-encoded.
fn percent(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_address_is_one_that_devices_reach() {
        let told = |endpoints: &[&str], host: &str| {
            let endpoints: Vec<_> = endpoints.iter().map(|&one| one.to_owned()).collect();
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            server(&endpoints, &headers)
        };
        let any = ["coap://127.0.0.1:5683", "coaps://0.0.0.0:5684"];
        for (endpoints, host, expected) in [
            (&any[..], "gw.example:8080", Some("coaps://gw.example:5684")),
            (&any, "gw.example", Some("coaps://gw.example:5684")),
            (
                &any,
                "[2001:db8::1]:8080",
                Some("coaps://[2001:db8::1]:5684"),
            ),
            (
                &["coaps://[::]:5684"],
                "10.0.0.7:80",
                Some("coaps://10.0.0.7:5684"),
            ),
            (&["coaps://192.0.2.1:7"], "gw", Some("coaps://192.0.2.1:7")),
            (&["coap://127.0.0.1:5683"], "gw", None),
            // What the caller says of the host ends up in a shell.
            (&any, "gw;reboot", None),
            (&any, "$(reboot)", None),
            (&any, "gw'", None),
        ] {
            assert_eq!(told(endpoints, host).as_deref(), expected, "{host}");
        }
    }

    #[test]
    fn names_stay_one_word() {
        for (text, word) in [
            ("urn:dev:lamp-1", "urn:dev:lamp-1"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("-u", "'-u'"),
            ("$(reboot)", "'$(reboot)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }

    #[test]
    fn brackets_of_an_address_are_no_pattern() {
        for command in all("coaps://[2001:db8::1]:5684", "lamp", "lamp", b"key") {
            let command = command["command"].as_str().unwrap();
            assert!(command.contains("'coaps://[2001:db8::1]:5684"), "{command}");
        }
    }

    /// The shell itself gives back what the tools are to get.
    #[test]
    fn a_shell_reads_key_and_identity_as_they_are() {
        let key: Vec<u8> = (1..=255).filter(|byte| *byte != b'\n').collect();
        let commands = all("coaps://localhost:5684", "it's $a", "id `b`", &key[..64]);
        let libcoap = commands[2]["command"].as_str().unwrap();
        let script = libcoap.replacen("coap-client", "set --", 1) + "; printf '%s|' \"$4\" \"$6\"";
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let mut expected = b"id `b`|".to_vec();
        expected.extend(&key[..64]);
        expected.push(b'|');
        assert_eq!(output.stdout, expected, "{libcoap}");
    }
}
