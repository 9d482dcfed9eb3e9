//! Why a grant, a chain or a revocation was refused.

use crate::Ability;
use frontdesk_identity::codec::DecodeError;

/// Why a grant, a chain or a revocation was refused: one variant for each cause, sorted by the step that finds it.
/// `link` counts the links of a chain from the root's grant, which is link 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// More bytes than a chain or a revocation may have; nothing was parsed.
    #[error("longer than allowed")]
    TooLong,
    /// Not CBOR, or not of the shape of a chain, a grant or a revocation.
    #[error("malformed")]
    Malformed,
    /// Decodes, but is not the one canonical encoding of its value.
    #[error("not in canonical form")]
    NotCanonical,
    /// A grant or a revocation of a version that is not known here.
    #[error("version {found} is not known here (known: {known})")]
    UnknownVersion {
        /// The version that the bytes name.
        found: u64,
        /// The version that is known here.
        known: u64,
    },
    /// A grant names an ability that is not known here. It can't be ignored: its meaning might restrict.
    #[error("no ability has the code {code}")]
    UnknownAbility {
        /// The code in the grant.
        code: u64,
    },
    /// The chain has no link.
    #[error("the chain has no link")]
    EmptyChain,
    /// The chain has more links than [`MAX_LINKS`](crate::MAX_LINKS).
    #[error("the chain has too many links")]
    TooManyLinks,

    /// Speaks for another principal than the expected one.
    #[error("speaks for another principal")]
    WrongPrincipal,
    /// The grant expires before it starts.
    #[error("link {link} expires before it starts")]
    EmptyWindow {
        /// Which link.
        link: usize,
    },
    /// The grant promises more further links than any chain can have.
    #[error("link {link} promises more further links than a chain can have")]
    TooDeep {
        /// Which link.
        link: usize,
    },
    /// Two links have the same grant id.
    #[error("link {link} has the id of a link above it")]
    DuplicateId {
        /// The lower one of the two.
        link: usize,
    },
    /// The first link is not issued by the principal's root key.
    #[error("the first link is not issued by the principal's root key")]
    NotFromRoot,
    /// The issuer is not the audience of the link above.
    #[error("link {link} is not issued by the audience of the link above it")]
    WrongIssuer {
        /// Which link.
        link: usize,
    },
    /// The parent hash is not that of the link above, or the first link has one.
    #[error("link {link} names another parent")]
    WrongParent {
        /// Which link.
        link: usize,
    },
    /// The link above allows no further link.
    #[error("link {link} follows a link that allows no further one")]
    DepthExhausted {
        /// Which link.
        link: usize,
    },
    /// The depth does not fall.
    #[error("link {link} allows as many further links as the link above it")]
    WiderDepth {
        /// Which link.
        link: usize,
    },
    /// An ability that the link above lacks.
    #[error("link {link} has abilities that the link above it lacks")]
    WiderAbilities {
        /// Which link.
        link: usize,
    },
    /// Another thread than the link above, or the whole principal under a thread.
    #[error("link {link} reaches beyond the scope of the link above it")]
    WiderScope {
        /// Which link.
        link: usize,
    },
    /// More history than the link above.
    #[error("link {link} reaches further back than the link above it")]
    WiderHistory {
        /// Which link.
        link: usize,
    },
    /// Starts earlier or ends later than the link above.
    #[error("link {link} starts earlier or ends later than the link above it")]
    WiderWindow {
        /// Which link.
        link: usize,
    },
    /// A grant on a thread under a link that lacks `forward`.
    #[error("link {link} is on a thread, and the link above it lacks `forward`")]
    ForwardMissing {
        /// Which link.
        link: usize,
    },
    /// A grant on the principal (an enrolment) under a link that lacks `admit`.
    #[error("link {link} enrols a device, and the link above it lacks `admit`")]
    AdmitMissing {
        /// Which link.
        link: usize,
    },

    /// Not valid yet, the tolerated clock skew included.
    #[error("link {link} is not valid yet")]
    NotYetValid {
        /// The first such link.
        link: usize,
    },
    /// Expired, the tolerated clock skew included.
    #[error("link {link} has expired")]
    Expired {
        /// The first such link.
        link: usize,
    },
    /// Revoked by its issuer, or by that of a link above it.
    #[error("link {link} is revoked")]
    Revoked {
        /// The first such link.
        link: usize,
    },
    /// The signature of the grant does not hold.
    #[error("the signature of link {link} does not hold")]
    BadSignature {
        /// The first such link.
        link: usize,
    },

    /// The chain was granted to another device than the one that uses it.
    #[error("granted to another device")]
    WrongAudience,
    /// The chain is for another thread than the one it is used on.
    #[error("granted for another thread")]
    WrongThread,
    /// The chain is for one thread, and is used on the principal as a whole.
    #[error("granted for one thread only")]
    ThreadOnly,
    /// The chain does not grant the ability that the act needs.
    #[error("the ability `{0}` is not granted")]
    AbilityMissing(
        /// The ability that the act needs.
        Ability,
    ),

    /// The signature of the revocation does not hold.
    #[error("the signature of the revocation does not hold")]
    BadRevocation,
    /// The set of revocations has no room for this one.
    #[error("no room for another revocation")]
    RevocationsFull,
}

impl Refusal {
    /// The stable name of the cause, for the wire, the API and documents.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::Malformed => "malformed",
            Self::NotCanonical => "not-canonical",
            Self::UnknownVersion { .. } => "unknown-version",
            Self::UnknownAbility { .. } => "unknown-ability",
            Self::EmptyChain => "empty-chain",
            Self::TooManyLinks => "too-many-links",
            Self::WrongPrincipal => "wrong-principal",
            Self::EmptyWindow { .. } => "empty-window",
            Self::TooDeep { .. } => "too-deep",
            Self::DuplicateId { .. } => "duplicate-id",
            Self::NotFromRoot => "not-from-root",
            Self::WrongIssuer { .. } => "wrong-issuer",
            Self::WrongParent { .. } => "wrong-parent",
            Self::DepthExhausted { .. } => "depth-exhausted",
            Self::WiderDepth { .. } => "wider-depth",
            Self::WiderAbilities { .. } => "wider-abilities",
            Self::WiderScope { .. } => "wider-scope",
            Self::WiderHistory { .. } => "wider-history",
            Self::WiderWindow { .. } => "wider-window",
            Self::ForwardMissing { .. } => "forward-missing",
            Self::AdmitMissing { .. } => "admit-missing",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::Revoked { .. } => "revoked",
            Self::BadSignature { .. } => "bad-signature",
            Self::WrongAudience => "wrong-audience",
            Self::WrongThread => "wrong-thread",
            Self::ThreadOnly => "thread-only",
            Self::AbilityMissing(_) => "ability-missing",
            Self::BadRevocation => "bad-revocation",
            Self::RevocationsFull => "revocations-full",
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLong { .. } => Self::TooLong,
            DecodeError::Malformed => Self::Malformed,
            DecodeError::NotCanonical => Self::NotCanonical,
            DecodeError::UnknownVersion { found, known } => Self::UnknownVersion { found, known },
        }
    }
}
