use core::fmt;
use std::time::Duration;

use subtle::ConstantTimeEq;

/// What the operator decides about the console.
///
/// ```
/// use std::time::Duration;
/// use lwm2m_console::{ConsoleConfig, Token};
///
/// let mut config = ConsoleConfig::new(Token::generate()?);
/// config.call_timeout = Duration::from_secs(60);
/// # Ok::<_, lwm2m_console::TokenError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsoleConfig {
    /// The secret that opens everything but `/healthz`, `/readyz` and the empty page.
    pub token: Token,
    /// How long a login of the page lasts. Default 12 hours.
    pub session_lifetime: Duration,
    /// Logins alive at once; one more ends the oldest. Default 64.
    pub max_sessions: usize,
    /// Wrong tokens accepted from one address before 429; one is forgiven every three seconds. Default 10. While it
    /// lasts, a right token of 32 characters or more is still let in, a shorter one is not.
    pub max_failed_logins: u32,
    /// Marks the session cookie `Secure`: set it where the page is reached by `https`. Default off.
    pub secure_cookie: bool,
    /// The largest request body in bytes; more is 413. Default 1 MiB.
    pub max_body: usize,
    /// How long a request body may take to arrive; later is 408. Default 10 seconds.
    pub body_timeout: Duration,
    /// How long a device may take to answer when the caller names no `timeout`. Default 30 seconds.
    pub call_timeout: Duration,
    /// The longest `timeout` a caller may ask for. Default 5 minutes.
    pub max_call_timeout: Duration,
    /// Calls to devices under way at once; one more is 503. Default 256.
    pub max_calls: usize,
    /// Of these, calls to one device; one more is 503. Default 32.
    pub max_calls_per_device: usize,
    /// Event streams open at once; one more is 503. Default 64.
    pub max_streams: usize,
    /// How often a silent event stream sends a comment. Default 15 seconds.
    pub keep_alive: Duration,
}

impl ConsoleConfig {
    /// The defaults, opened by `token`.
    pub fn new(token: Token) -> Self {
        Self {
            token,
            session_lifetime: Duration::from_secs(12 * 60 * 60),
            max_sessions: 64,
            max_failed_logins: 10,
            secure_cookie: false,
            max_body: 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            max_call_timeout: Duration::from_secs(300),
            max_calls: 256,
            max_calls_per_device: 32,
            max_streams: 64,
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// The operator's secret. `Debug` prints nothing of it, comparison takes the same time wherever it differs.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// Draws a fresh token of 256 bits from the operating system.
    ///
    /// # Errors
    /// [`TokenError::NoRandomness`] when the operating system gives none.
    pub fn generate() -> Result<Self, TokenError> {
        Ok(Self(random_text()?.into_boxed_str()))
    }

    /// Takes a token of the operator's own choice; white space around it (a file's last newline) is cut off.
    ///
    /// # Errors
    /// [`TokenError::TooShort`] under 16 characters, [`TokenError::BadCharacter`] for anything but visible ASCII.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::BadCharacter);
        }
        if text.len() < MIN_TOKEN {
            return Err(TokenError::TooShort);
        }
        Ok(Self(text.into()))
    }

    /// The secret itself, to print it once at the start.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this token. Only its length can be learned from the time this takes.
    pub fn matches(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// Whether it is too long to be found by trying.
    pub(crate) fn is_long(&self) -> bool {
        self.0.len() >= LONG_TOKEN
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a token was not accepted or could not be drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Fewer than 16 characters.
    #[error("an admin token has at least 16 characters")]
    TooShort,
    /// White space inside, a control character, or not ASCII: it could not stand in a header.
    #[error("an admin token is made of visible ASCII characters")]
    BadCharacter,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// 256 random bits as 43 characters of base64url.
pub(crate) fn random_text() -> Result<String, TokenError> {
    use base64::Engine as _;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| TokenError::NoRandomness)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

const MIN_TOKEN: usize = 16;
/// 128 bits as hex digits.
const LONG_TOKEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_fits_a_header() {
        assert_eq!(Token::new("short").unwrap_err(), TokenError::TooShort);
        assert_eq!(Token::new("").unwrap_err(), TokenError::TooShort);
        assert_eq!(
            Token::new("has a space in it").unwrap_err(),
            TokenError::BadCharacter
        );
        assert_eq!(
            Token::new("fünfzehnzeichen!!").unwrap_err(),
            TokenError::BadCharacter
        );
        assert_eq!(
            Token::new("0123456789abcdef\n").unwrap().reveal(),
            "0123456789abcdef"
        );
    }

    #[test]
    fn fresh_tokens_differ_match_themselves_and_hide_in_debug() {
        let (one, two) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_eq!(one.reveal().len(), 43);
        assert!(one.matches(one.reveal()) && !one.matches(two.reveal()) && !one.matches(""));
        assert!(!format!("{:?}", ConsoleConfig::new(one.clone())).contains(one.reveal()));
    }
}
