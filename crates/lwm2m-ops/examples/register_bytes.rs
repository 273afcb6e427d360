//! Prints the CoAP options and payload of a Register, and what a server makes of them.
//!
//! `cargo run -p lwm2m-ops --example register_bytes`

use coap_codec::OptionNumber;
use lwm2m_model::{Lwm2mVersion, Version};
use lwm2m_ops::{
    DecodeContext, Lifetime, ObjectList, Operation, Register, RegisterAnswer, RegistrationId,
    Uplink, decode,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let objects = ObjectList::new()
        .with(1, None, &[0])
        .with(3, None, &[0])
        .with(3303, Some(Version::new(1, 1)), &[0, 1]);
    let mut register = Register::new("urn:dev:os:1-42", Lwm2mVersion::V1_1, objects);
    register.lifetime = Lifetime::from_seconds(300);
    register.queue_mode = true;

    let request = register.to_request()?;
    println!(
        "{} with {} bytes of options:",
        request.code,
        request.options.encoded_len()
    );
    for option in request.options.as_options() {
        match option.number {
            OptionNumber::URI_PATH | OptionNumber::URI_QUERY => {
                println!(
                    "  {} {}",
                    option.number,
                    String::from_utf8_lossy(option.value)
                );
            }
            number => println!("  {number} {:02x?}", option.value),
        }
    }
    println!("payload: {}", String::from_utf8_lossy(&request.payload));

    let operation = decode(&DecodeContext::registration(true), &request)?;
    let Operation::Uplink(Uplink::Register(read)) = operation else {
        return Err("not read as a registration".into());
    };
    println!("a server reads: {read:#?}");
    let answer = RegisterAnswer::Created(RegistrationId::new("5a3f")?.into());
    println!(
        "and answers: {:02x?}",
        answer.to_response().options.as_options().as_bytes()
    );
    Ok(())
}
