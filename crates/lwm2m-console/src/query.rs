use percent_encoding::percent_decode_str;

use crate::problem::{Code, Problem};

/// The query of a request, decoded. A name that the route does not know is an error, so that a slip is not silence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>, known: &[Param]) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            let Some(param) = known.iter().find(|param| param.name == name) else {
                let problem = Problem::new(
                    Code::InvalidParameter,
                    format!("unknown query parameter {name:?}"),
                )
                .field(name.clone());
                return Err(match name.as_str() {
                    "token" | "access_token" => problem
                        .hint("a token never stands in a query; send Authorization: Bearer …"),
                    _ if known.is_empty() => problem.hint("this address takes none"),
                    _ => problem.hint(format!(
                        "known here: {}",
                        known
                            .iter()
                            .map(|param| param.name)
                            .collect::<Vec<_>>()
                            .join(", ")
                    )),
                });
            };
            if !param.repeats && pairs.iter().any(|(seen, _)| *seen == name) {
                return Err(
                    Problem::new(Code::InvalidParameter, format!("{name} stands twice"))
                        .field(name),
                );
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter, unless it is absent or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a repeated parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A whole number within `range`, or `default` when absent.
    pub(crate) fn number(
        &self,
        name: &'static str,
        range: core::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                Problem::new(
                    Code::InvalidParameter,
                    format!(
                        "{name} is a number from {} to {}",
                        range.start(),
                        range.end()
                    ),
                )
                .field(name)
            })
    }
}

/// A query parameter of a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) schema: Schema,
    pub(crate) repeats: bool,
}

impl Param {
    pub(crate) const fn new(name: &'static str, schema: Schema, help: &'static str) -> Self {
        Self {
            name,
            help,
            schema,
            repeats: false,
        }
    }

    pub(crate) const fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }
}

/// What a query parameter holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schema {
    Text,
    Whole { least: u64, most: u64 },
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned);
    decoded.map_err(|_| Problem::new(Code::InvalidParameter, "the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Param] = &[
        Param::new("q", Schema::Text, ""),
        Param::new("type", Schema::Text, "").repeats(),
    ];

    #[test]
    fn a_query_is_decoded_and_checked() {
        let query = Query::parse(Some("q=a+b%2Fc%26&type=x&type=y&"), KNOWN).unwrap();
        assert_eq!(query.get("q"), Some("a b/c&"));
        assert_eq!(query.all("type").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(Query::parse(Some("q="), KNOWN).unwrap().get("q"), None);
        assert_eq!(Query::parse(None, KNOWN).unwrap().get("q"), None);
        for query in ["q=1&q=2", "Q=1", "q=%ff", "token=secret", "%00"] {
            assert_eq!(
                Query::parse(Some(query), KNOWN).unwrap_err().code,
                Code::InvalidParameter,
                "{query}"
            );
        }
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let known = [Param::new(
            "limit",
            Schema::Whole {
                least: 1,
                most: 500,
            },
            "",
        )];
        let number = |query| {
            Query::parse(Some(query), &known)
                .unwrap()
                .number("limit", 1..=500, 50)
        };
        assert_eq!(number("").unwrap(), 50);
        assert_eq!(number("limit=500").unwrap(), 500);
        for query in [
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=x",
            "limit=99999999999999999999",
        ] {
            assert!(number(query).is_err(), "{query}");
        }
    }
}
