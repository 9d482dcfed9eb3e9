//! The wire form of a signed record: bounded bytes of which nothing is known yet.

/// Defines the first rung of a record's ladder: bytes -> (this type) -> verified record.
macro_rules! signed_form {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        ///
        /// On the wire it is one byte string. Nothing in it may be believed before `verify`.
        #[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "serde_bytes::ByteBuf", into = "serde_bytes::ByteBuf")]
        pub struct $name(Vec<u8>);

        impl $name {
            /// Takes bytes from the network or the disk, looking only at their length.
            ///
            /// # Errors
            /// [`DecodeError::TooLong`](crate::codec::DecodeError::TooLong).
            pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, crate::codec::DecodeError> {
                let bytes = bytes.into();
                if bytes.len() > $max {
                    return Err(crate::codec::DecodeError::TooLong { len: bytes.len(), max: $max });
                }
                Ok(Self(bytes))
            }

            /// The bytes, exactly as they were signed and received.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<serde_bytes::ByteBuf> for $name {
            type Error = crate::codec::DecodeError;

            fn try_from(bytes: serde_bytes::ByteBuf) -> Result<Self, Self::Error> {
                Self::from_bytes(bytes.into_vec())
            }
        }

        impl From<$name> for serde_bytes::ByteBuf {
            fn from(signed: $name) -> Self {
                Self::from(signed.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }
    };
}

pub(crate) use signed_form;
