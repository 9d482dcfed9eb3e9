//! The text form that contact links and invitations share.
//!
//! `frontdesk:` kind `/` word query, where
//!
//! - *word* is base32 (RFC 4648, lower case, no padding) of a body and four bytes of checksum; the body's first byte
//!   is its version;
//! - *query* is empty or `?at=` address (`&at=` address)*, each address percent-encoded (RFC 3986, section 2.1): all but
//!   letters, digits and `-._~/:@` is written as `%` and two upper-case hexadecimal digits;
//! - the *checksum* is the start of SHA-256 over `frontdesk/link-checksum/v1` 00 kind 00 body query. It is there for
//!   slips of hand and eye; it protects against nobody's will.
//!
//! Scheme, kind and word may be written in upper case too; nothing else has a second spelling.

use crate::address::{BadAddress, DialAddress, MAX_ADDRESSES};
use data_encoding::{BASE32_NOPAD, HEXUPPER};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The longest link in bytes: it still fits into a QR code of medium error correction (2331 bytes).
pub const MAX_LINK: usize = 2048;

const SCHEME: &str = "frontdesk";
const CHECKSUM: usize = 4;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A contact link: anyone who has it can write to the entity.
    Contact,
    /// An invitation: who has it can ask to become a device of the entity.
    Join,
}

impl LinkKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Join => "join",
        }
    }

    fn from_str(text: &str) -> Option<Self> {
        [Self::Contact, Self::Join].into_iter().find(|kind| text.eq_ignore_ascii_case(kind.as_str()))
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contact => "a contact link (open it with `frontdesk contact`)",
            Self::Join => "an invitation (accept it with `frontdesk join`)",
        })
    }
}

/// Why a link can't be read or written. Each text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Too long to be a link, or too many and too long addresses to write one.
    #[error("a link has at most {MAX_LINK} characters, this one has {len}: use fewer or shorter addresses")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It does not start as a link does.
    #[error("this is not a Frontdesk link: copy all of it, from `frontdesk:` to the end")]
    NotALink,
    /// A link, but of another kind than is asked for here.
    #[error("this is {found}")]
    OtherKind {
        /// What it is.
        found: LinkKind,
    },
    /// A character is missing, mistyped or too many.
    #[error("a character of the link is missing or wrong: copy it again, or scan the QR code")]
    Mistyped,
    /// The part after `?` is not a list of addresses.
    #[error("the part of the link after `?` is damaged: copy all of it again")]
    BadQuery,
    /// One of the addresses can't be one.
    #[error("the link holds something that is no address: {0}")]
    BadAddress(#[from] BadAddress),
    /// More addresses than a link may hold.
    #[error("a link holds at most {MAX_ADDRESSES} addresses, this one {count}: use fewer")]
    TooManyAddresses {
        /// How many there are.
        count: usize,
    },
    /// Made by a program that speaks another version.
    #[error("the link has version {found} and this program knows {known}: update Frontdesk")]
    UnknownVersion {
        /// The version of the link.
        found: u8,
        /// The version that this program speaks.
        known: u8,
    },
    /// Intact, but not of the shape that its version has: its maker is at fault.
    #[error("the link is intact but makes no sense: ask its sender for another one")]
    Malformed,
    /// Intact, but it holds a key that can't be used: its maker is at fault.
    #[error("the link holds an unusable key: ask its sender for another one")]
    WeakKey,
}

/// Writes a link. The body's first byte is its version.
pub(crate) fn write(
    kind: LinkKind,
    body: &[u8],
    addresses: &[DialAddress],
) -> Result<Zeroizing<String>, LinkError> {
    check_count(addresses.len())?;
    let query = write_query(addresses);
    let mut all = Zeroizing::new(Vec::with_capacity(body.len() + CHECKSUM));
    all.extend_from_slice(body);
    all.extend_from_slice(&checksum(kind, body, &query));
    let mut word = Zeroizing::new(BASE32_NOPAD.encode(&all));
    word.make_ascii_lowercase();
    let text = Zeroizing::new(format!("{SCHEME}:{}/{}{query}", kind.as_str(), *word));
    if text.len() > MAX_LINK { Err(LinkError::TooLong { len: text.len() }) } else { Ok(text) }
}

/// Reads a link of `kind` whose body has version `known`: the body with its version, and the addresses. White space
/// around it is tolerated, as it comes with pasting.
pub(crate) fn read(
    kind: LinkKind,
    known: u8,
    text: &str,
) -> Result<(Zeroizing<Vec<u8>>, Vec<DialAddress>), LinkError> {
    let text = text.trim_ascii();
    if text.len() > MAX_LINK {
        return Err(LinkError::TooLong { len: text.len() });
    }
    let (word, query) = split(kind, text)?;
    let mut body = read_word(word)?;
    let start = body.len().checked_sub(CHECKSUM).ok_or(LinkError::Mistyped)?;
    let stated = body.split_off(start);
    if stated != checksum(kind, &body, query) {
        return Err(LinkError::Mistyped);
    }
    let found = *body.first().ok_or(LinkError::Malformed)?;
    if found != known {
        return Err(LinkError::UnknownVersion { found, known });
    }
    Ok((body, read_query(query)?))
}

/// The base32 word, and the query with its `?`.
fn split(expected: LinkKind, text: &str) -> Result<(&str, &str), LinkError> {
    let (scheme, rest) = text.split_once(':').ok_or(LinkError::NotALink)?;
    let (kind, rest) = rest.split_once('/').ok_or(LinkError::NotALink)?;
    let found = LinkKind::from_str(kind).ok_or(LinkError::NotALink)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(LinkError::NotALink);
    }
    if found != expected {
        return Err(LinkError::OtherKind { found });
    }
    Ok(rest.split_at(rest.find('?').unwrap_or(rest.len())))
}

fn read_word(word: &str) -> Result<Zeroizing<Vec<u8>>, LinkError> {
    let word = Zeroizing::new(word.to_ascii_uppercase());
    let body = BASE32_NOPAD.decode(word.as_bytes()).map_err(|_| LinkError::Mistyped)?;
    Ok(Zeroizing::new(body))
}

fn checksum(kind: LinkKind, body: &[u8], query: &str) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    hash.update(b"frontdesk/link-checksum/v1\0");
    hash.update(kind.as_str());
    hash.update([0]);
    hash.update(body);
    hash.update(query);
    let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
    [a, b, c, d]
}

fn write_query(addresses: &[DialAddress]) -> String {
    let mut query = String::new();
    for (i, address) in addresses.iter().enumerate() {
        query.push_str(if i == 0 { "?at=" } else { "&at=" });
        percent_encode(address.as_str(), &mut query);
    }
    query
}

fn read_query(query: &str) -> Result<Vec<DialAddress>, LinkError> {
    let Some(list) = query.strip_prefix('?') else { return Ok(Vec::new()) };
    check_count(list.split('&').count())?;
    let addresses = list
        .split('&')
        .map(|item| {
            let encoded = item.strip_prefix("at=").ok_or(LinkError::BadQuery)?;
            Ok(DialAddress::try_from(percent_decode(encoded).ok_or(LinkError::BadQuery)?)?)
        })
        .collect::<Result<Vec<_>, LinkError>>()?;
    if write_query(&addresses) == query { Ok(addresses) } else { Err(LinkError::BadQuery) }
}

const fn check_count(count: usize) -> Result<(), LinkError> {
    if count > MAX_ADDRESSES { Err(LinkError::TooManyAddresses { count }) } else { Ok(()) }
}

fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&HEXUPPER.encode(&[byte]));
        }
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            out.append(&mut HEXUPPER.decode(digits).ok()?);
            rest = after;
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<String> {
        percent_decode(text)
    }

    #[test]
    fn percent_encoding_leaves_what_multiaddrs_consist_of_and_escapes_the_rest() {
        let mut out = String::new();
        percent_encode("/ip6/fe80::1/tcp/1?a&b=%", &mut out);
        assert_eq!(out, "/ip6/fe80::1/tcp/1%3Fa%26b%3D%25");
        assert_eq!(decoded(&out).unwrap(), "/ip6/fe80::1/tcp/1?a&b=%");
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "%2", "%2g", "%2f", "a%", "%%41", "%FF", "%é"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn a_query_with_a_second_spelling_is_refused() {
        assert_eq!(read_query("?at=/a").unwrap().len(), 1);
        for query in ["?", "?at", "?to=/a", "?at=/a&", "?at=/a&&at=/b", "?at=/%61", "?at=/+"] {
            assert_eq!(read_query(query), Err(LinkError::BadQuery), "{query}");
        }
        assert_eq!(read_query("?at=a"), Err(LinkError::BadAddress(BadAddress)));
        assert_eq!(read_query("?at="), Err(LinkError::BadAddress(BadAddress)));
        let nine = format!("?{}", ["at=/a"; 9].join("&"));
        assert_eq!(read_query(&nine), Err(LinkError::TooManyAddresses { count: 9 }));
    }

    #[test]
    fn a_link_of_any_body_comes_back() {
        let addresses = vec!["/a".parse().unwrap(), "/b%c".parse().unwrap()];
        for len in 1..80 {
            let body: Vec<u8> = (1..=len).collect();
            let text = write(LinkKind::Contact, &body, &addresses).unwrap();
            let (read_body, read_addresses) = read(LinkKind::Contact, 1, &text).unwrap();
            assert_eq!((read_body.to_vec(), read_addresses), (body, addresses.clone()));
        }
    }

    #[test]
    fn a_body_without_a_version_and_a_word_without_a_checksum_are_refused() {
        let empty = write(LinkKind::Contact, &[], &[]).unwrap();
        assert_eq!(read(LinkKind::Contact, 1, &empty).unwrap_err(), LinkError::Malformed);
        assert_eq!(read(LinkKind::Contact, 1, "frontdesk:contact/").unwrap_err(), LinkError::Mistyped);
        assert_eq!(read(LinkKind::Contact, 1, "frontdesk:contact/aa").unwrap_err(), LinkError::Mistyped);
    }

    #[test]
    fn a_link_that_would_be_too_long_is_not_written() {
        let long: DialAddress = format!("/{}", "%".repeat(159)).parse().unwrap();
        let refusal = write(LinkKind::Contact, &[1], &vec![long; 8]).unwrap_err();
        assert!(matches!(refusal, LinkError::TooLong { len } if len > MAX_LINK));
    }
}
