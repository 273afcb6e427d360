use alloc::vec::Vec;
use core::fmt;

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident $id:literal $text:literal,)*) => {
        /// Something a peer does differently from the specification and that was let pass.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Quirk { $($(#[$doc])* $name,)* }

        impl Quirk {
            /// Every quirk, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A stable `snake_case` identifier.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }

        impl fmt::Display for Quirk {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

quirks! {
    /// `lwm2m` names a minor version newer than 1.2; taken as 1.2.
    NewerVersion "newer_version" "a newer enabler version is treated as 1.2",
    /// The object list is not labelled with Content-Format 40.
    ListFormat "list_format" "the object list is not labelled as link format",
    /// `sms` without a number; taken as absent.
    EmptySms "empty_sms" "the SMS number is empty",
    /// `sms` or `Q` repeated; the first one counts.
    RepeatedParameter "repeated_parameter" "a query parameter is repeated",
    /// The link format breaks the grammar in another way than those below.
    LinkSyntax "link_syntax" "the link format breaks the grammar",
    /// Blanks around the parts of a link.
    Whitespace "whitespace" "there are blanks between the parts of a link",
    /// Blanks inside a target, as in `</lwm2m /1/0>`.
    TargetWhitespace "target_whitespace" "there are blanks inside a target",
    /// `ct=110,112` or `ct=60 110`: a list outside quotes.
    UnquotedList "unquoted_list" "a list is not quoted",
    /// An attribute twice on one link; the first one counts.
    DuplicateAttribute "duplicate_attribute" "an attribute is repeated",
    /// A comma without a link.
    EmptyLink "empty_link" "there is a comma without a link",
    /// /0 or /21 in the list; dropped.
    SecurityObject "security_object" "a security object is listed",
    /// The same link twice; counted once.
    DuplicateLink "duplicate_link" "a link is listed twice",
    /// Two different versions for one object; the object link counts, else the first.
    ConflictingVersion "conflicting_version" "an object has two versions",
    /// `ver` is no version; ignored.
    BadObjectVersion "bad_object_version" "an object version is malformed",
    /// `ct` holds something that is no format number; that part is ignored.
    BadFormats "bad_formats" "the format list is malformed",
    /// `ct="110,112"`: commas where blanks belong.
    CommaInList "comma_in_list" "a list is separated by commas",
    /// The root link is no absolute path or holds a numeric segment; ignored.
    BadRoot "bad_root" "the alternate path is not usable",
    /// A link to a resource or deeper; ignored.
    DeepLink "deep_link" "a link goes deeper than an object instance",
    /// A link that begins as an LwM2M path and is none (`/65535`, `/03/0`); ignored.
    BadPath "bad_path" "a link has an id that is not one",
    /// A link with a slash at its end; read as without.
    TrailingSlash "trailing_slash" "a link ends with a slash",
    /// A link that is no LwM2M object, or lies outside the alternate path; ignored.
    ForeignLink "foreign_link" "a link is no LwM2M object",
}

/// Adds a quirk unless it is there: the list cannot grow with what a peer sends.
pub(crate) fn note(quirks: &mut Vec<Quirk>, quirk: Quirk) {
    if !quirks.contains(&quirk) {
        quirks.push(quirk);
    }
}
