//! Prints every field of a CoAP datagram given in hexadecimal.
//!
//! ```text
//! cargo run -p coap-codec --example decode_hex -- "41 01 20 01 42 60 51 33 01 30 01 39 62 2d 16"
//! ```

use std::process::ExitCode;

use coap_codec::link::Links;
use coap_codec::{ContentFormat, Message, Opt, OptionFormat, OptionNumber};

/// An LwM2M Register, for a call without arguments.
const REGISTER: &str = "420212349A01B27264112837\
    65703D64657631066C743D333030096C776D326D3D312E3103623D55\
    FF3C2F312F303E2C3C2F332F303E";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = match arguments.is_empty() {
        true => REGISTER.to_owned(),
        false => arguments.concat(),
    };
    let Some(datagram) = parse_hex(&text) else {
        eprintln!("usage: decode_hex [HEX]...   (pairs of hexadecimal digits, blanks are ignored)");
        return ExitCode::from(2);
    };
    match Message::decode(&datagram) {
        Ok(message) => {
            print(&message);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn print(message: &Message<'_>) {
    let code = message.code();
    println!("type        {}", message.ty());
    println!("code        {code} {}", code.name().unwrap_or("(unknown)"));
    println!("message ID  {:#06x}", message.message_id());
    println!("token       {}", show_hex(message.token()));
    for option in message.options() {
        println!("option      {:>5} {}", option.number.0, show_option(option));
    }
    let payload = message.payload();
    if payload.is_empty() {
        println!("payload     none");
        return;
    }
    println!("payload     {} bytes", payload.len());
    match (
        message.options().content_format(),
        core::str::from_utf8(payload),
    ) {
        (Some(ContentFormat::LINK), Ok(text)) => print_links(text),
        (_, Ok(text)) => println!("            {text:?}"),
        (_, Err(_)) => println!("            {}", show_hex(payload)),
    }
}

fn print_links(text: &str) {
    let mut links = Links::new(text);
    for link in links.by_ref() {
        let link = match link {
            Ok(link) => link,
            Err(fault) => {
                println!("            {fault}");
                break;
            }
        };
        print!("            <{}>", link.target());
        for (name, value) in link.attributes() {
            match value {
                Some(value) => print!("  {name} = {}", value.chars().collect::<String>()),
                None => print!("  {name}"),
            }
        }
        println!();
    }
    for quirk in links.quirks().iter() {
        println!("            accepted: {quirk}");
    }
}

fn show_option(option: Opt<'_>) -> String {
    let Opt { number, value, .. } = option;
    let kind = match number.is_critical() {
        true => "critical",
        false => "elective",
    };
    let Some(definition) = number.definition() else {
        return format!("(unknown, {kind})  {}", show_hex(value));
    };
    let shown = match definition.format {
        _ if !definition.allows_len(value.len()) => {
            let lengths = definition.lengths();
            format!("{} (allowed are {lengths:?} bytes)", show_hex(value))
        }
        OptionFormat::Empty => String::new(),
        OptionFormat::Opaque => show_hex(value),
        OptionFormat::Uint => {
            let uint = value
                .iter()
                .fold(0, |n: u32, &byte| n << 8 | u32::from(byte));
            match (number, u16::try_from(uint)) {
                (OptionNumber::CONTENT_FORMAT | OptionNumber::ACCEPT, Ok(format)) => {
                    format!("{uint} {}", ContentFormat(format))
                }
                (OptionNumber::BLOCK1 | OptionNumber::BLOCK2, _) => show_block(value),
                _ => uint.to_string(),
            }
        }
        OptionFormat::String => match core::str::from_utf8(value) {
            Ok(text) => format!("{text:?}"),
            Err(_) => format!("{} (not UTF-8)", show_hex(value)),
        },
    };
    format!("{number} ({kind})  {shown}")
}

fn show_block(value: &[u8]) -> String {
    match coap_codec::Block::decode(value) {
        Ok(block) => format!(
            "block {} of {} bytes, {}",
            block.num(),
            block.size().bytes(),
            if block.more() {
                "more to come"
            } else {
                "no more"
            }
        ),
        Err(fault) => fault.to_string(),
    }
}

fn show_hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match pairs.is_empty() {
        true => "empty".to_owned(),
        false => pairs.join(" "),
    }
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16)?.try_into().ok())
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
