#![no_main]
//! What the grammar of RFC 6690 has is read as a second parser reads it, without a quirk; and every list that is
//! accepted is written in a form that reads the same.

use coap_codec::link::{Link, LinkWriter, Links, Quirk};
use libfuzzer_sys::fuzz_target;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{anychar, char, none_of};
use nom::combinator::{all_consuming, opt, recognize};
use nom::multi::{many0, many0_count, separated_list0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

type Attribute = (String, Option<String>);

/// RFC 6690 §2, with what both readers leave to the caller: which attribute may have which value.
fn strict(text: &str) -> IResult<&str, Vec<(&str, Vec<(&str, Option<&str>)>)>> {
    let target = take_while(|c: char| !"<>\"".contains(c) && !c.is_ascii_control() && c != ' ');
    let attr_char = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(c);
    let name = recognize((take_while1(attr_char), opt(tag("*"))));
    let quoted = recognize(many0_count(alt((
        preceded(char('\\'), anychar),
        none_of("\"\\"),
    ))));
    let token = take_while1(|c: char| c.is_ascii_graphic() && !"\",;\\".contains(c));
    let value = preceded(
        char('='),
        alt((delimited(char('"'), quoted, char('"')), token)),
    );
    let link = (
        delimited(char('<'), target, char('>')),
        many0(preceded(char(';'), (name, opt(value)))),
    );
    all_consuming(separated_list0(char(','), link)).parse(text)
}

fn attributes(link: &Link<'_>) -> Vec<Attribute> {
    let own = |(name, value): (&str, Option<coap_codec::link::Value<'_>>)| {
        // A list outside quotes is written as one inside: its members count.
        let text = |value: coap_codec::link::Value<'_>| match !value.is_quoted()
            && value.raw().contains(',')
        {
            true => value.words().collect::<Vec<_>>().join(" "),
            false => value.to_text().into_owned(),
        };
        (name.to_owned(), value.map(text))
    };
    link.attributes().map(own).collect()
}

fn read(text: &str) -> Option<Vec<Link<'_>>> {
    Links::new(text).collect::<Result<_, _>>().ok()
}

fuzz_target!(|text: &str| {
    fuzz::within_bounds(text.as_bytes(), |_| Links::new(text).count());
    let ours = read(text);
    if let Ok((_, theirs)) = strict(text) {
        let ours = ours.as_ref().expect("the grammar is accepted");
        assert_eq!(ours.len(), theirs.len());
        for (link, (target, parameters)) in ours.iter().zip(theirs) {
            assert_eq!(link.target(), target);
            let raw = link
                .attributes()
                .map(|(name, value)| (name, value.map(|value| value.raw())));
            assert!(raw.eq(parameters));
            let lenient =
                |quirk| !matches!(quirk, Quirk::TrailingSlash | Quirk::DuplicateAttribute);
            assert!(!link.quirks().iter().any(lenient), "{:?}", link.quirks());
        }
    }
    let Some(links) = ours else { return };
    let mut written = String::new();
    let mut writer = LinkWriter::new(&mut written);
    // Characters that no other reader would take are refused, and then there is nothing to compare.
    if links.iter().any(|link| writer.copy(link).is_err()) {
        return;
    }
    let again = read(&written).expect("own text is read");
    assert_eq!(again.len(), links.len());
    for (link, copy) in links.iter().zip(&again) {
        assert_eq!(
            (copy.target(), attributes(copy)),
            (link.target(), attributes(link))
        );
    }
});
