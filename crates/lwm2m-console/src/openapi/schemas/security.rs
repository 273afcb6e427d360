use serde_json::{Value as Json, json};

use super::{list, object, reference};

/// The schemas of what is about security.
pub(super) fn all() -> Json {
    let text = || json!({ "type": "string" });
    let text_or_null = || json!({ "type": ["string", "null"] });
    let time = || json!({ "type": "string", "format": "date-time" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let flag = || json!({ "type": "boolean" });
    json!({
        "SecurityMode": { "type": "string", "enum": ["nosec", "psk", "rpk", "x509"] },
        "SecuritySession": object(&["suite", "connection_id"], json!({
            "suite": { "type": "string", "examples": ["TLS_PSK_WITH_AES_128_CCM_8"] },
            "connection_id": { "type": "boolean", "description": "Whether the device may change its address" },
        })),
        "SetCredentials": {
            "description": "Each mode has its own members: psk identity (or identity_hex; the endpoint name by default) and key, rpk public_key or public_x and public_y, x509 name (the endpoint name by default), nosec none. Keys are hex:…, base64:… or text:…, public keys also PEM; a bare value that can be read in two ways is refused.",
            "type": "object",
            "required": ["mode"],
            "properties": {
                "mode": reference("SecurityMode"),
                "identity": text(), "identity_hex": text(), "key": { "type": "string", "writeOnly": true },
                "public_key": text(), "public_x": text(), "public_y": text(), "name": text(),
            },
            "additionalProperties": false,
            "examples": [{ "mode": "psk", "identity": "lamp-key", "key": "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90" }, { "mode": "x509" }],
        },
        "Credential": {
            "description": "What may be told of a credential: the identity of psk and the length of its key in bytes, the fingerprint (SHA-256) and the public key of rpk, the name of x509.",
            "type": "object",
            "required": ["mode", "warnings"],
            "properties": {
                "mode": { "type": "string", "enum": ["nosec", "psk", "rpk", "x509", "locked"], "description": "locked: there is a record and nothing gets in" },
                "identity": text(), "identity_hex": text(), "key_length": { "type": ["integer", "null"] },
                "fingerprint": text(), "public_key": text(), "curve": text(), "name": text(), "warnings": texts(),
            },
        },
        "Credentials": { "allOf": [reference("Credential"), object(&["ep", "also", "set"], json!({
            "ep": text(),
            "set": { "type": ["string", "null"], "format": "date-time", "description": "When all this was set; null where nobody knows" },
            "also": { "type": "array", "items": reference("Credential"), "description": "Further credentials, any one of which is enough" },
        }))] },
        "CredentialsList": list("Credentials"),
        "GenerateCredentials": {
            "type": "object",
            "properties": {
                "identity": { "type": "string", "description": "The endpoint name by default" },
                "length": { "type": "integer", "minimum": 16, "maximum": 64, "description": "Bytes of the key; 16 by default" },
            },
            "additionalProperties": false,
        },
        "GeneratedCredentials": { "allOf": [reference("Credentials"), object(&["key", "commands"], json!({
            "key": { "type": "string", "description": "Told here and never again", "examples": ["hex:a1b2c3d4e5f60718293a4b5c6d7e8f90"] },
            "commands": { "type": "array", "items": object(&["tool", "command"], json!({ "tool": text(), "command": text() })), "description": "Ready to paste; empty where no address speaks DTLS" },
        }))] },
        "ServerSecurity": object(&["modes", "nosec", "connection_id", "public_key", "certificates", "trusted"], json!({
            "modes": { "type": "array", "items": object(&["mode", "offered", "reason"], json!({
                "mode": reference("SecurityMode"), "offered": flag(), "reason": { "type": ["string", "null"], "description": "Why it is off" },
            })) },
            "nosec": { "type": "string", "enum": ["open", "known", "off"], "description": "Who may come in without security" },
            "connection_id": { "type": ["integer", "null"], "description": "Bytes of the connection ids; null when there are none" },
            "public_key": { "oneOf": [reference("PublicKey"), { "type": "null" }] },
            "certificates": { "type": "array", "items": reference("Certificate"), "description": "The server's own, then those above it" },
            "trusted": { "type": "integer", "description": "How many authorities are trusted" },
        })),
        "PublicKey": object(&["curve", "fingerprint", "hex", "base64", "pem"], json!({
            "curve": text(), "fingerprint": text(), "hex": text(), "base64": text(), "pem": text(),
            "x": text_or_null(), "y": text_or_null(),
        })),
        "Certificate": object(&["names", "issuer", "not_before", "not_after", "fingerprint", "pem"], json!({
            "common_name": text_or_null(), "names": texts(), "issuer": text(),
            "not_before": time(), "not_after": time(), "fingerprint": text(), "pem": text(),
        })),
    })
}
