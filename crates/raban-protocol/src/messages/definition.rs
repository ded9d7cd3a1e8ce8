//! The way to define a message: its versions, its structs, and for each field the versions that have it.

/// Defines the messages of one API.
///
/// ```text
/// message! {
///     Produce: ProduceRequest => ProduceResponse, versions 3..=13, flexible 9..;
///
///     /// What the struct is.
///     pub struct LikeKafkasSchema {
///         /// In all versions.
///         acks: i16,
///         /// In all versions, null being allowed in all.
///         transactional_id: Option<String>,
///         /// From version 5, -1 before.
///         log_start_offset: i64 [5..] = -1,
///         /// Up to version 12; what is said here is dropped without an error in later ones.
///         name: String [..=12, ignorable],
///         /// In all versions, null being allowed from version 12.
///         topic: Option<String> [0.., null 12..] = Some(String::new()),
///         /// A tagged field from version 10: on the wire only if it isn't the default.
///         current_leader: LeaderIdAndEpoch [10.., tag 0],
///     }
/// }
/// ```
///
/// The clauses in brackets come in this order: versions, `tag`, `null`, `ignorable`. `flexible none`
/// stands for an API without flexible versions.
macro_rules! message {
    (
        $key:ident: $request:ident => $response:ident,
        versions $min:literal..=$max:literal, flexible $flexible:tt $(..)?;
        $($structs:tt)*
    ) => {
        impl $crate::api::Request for $request {
            const KEY: $crate::api::ApiKey = $crate::api::ApiKey::$key;
            type Response = $response;
        }
        $crate::messages::definition::message!(@message $request, $min, $max, $flexible);
        $crate::messages::definition::message!(@message $response, $min, $max, $flexible);
        $crate::messages::definition::structs! { $($structs)* }
    };
    (@flexible none) => { i16::MAX };
    (@flexible $first:literal) => { $first };
    (@message $name:ident, $min:literal, $max:literal, $flexible:tt) => {
        const _: () = {
            use $crate::api::{Message, VersionRange};
            use $crate::messages::definition::message;
            use $crate::messages::field::{At, Field};
            use $crate::primitives::{DecodeError, EncodeError, Reader, Writer};

            impl Message for $name {
                const VERSIONS: VersionRange = VersionRange { min: $min, max: $max };
                const FLEXIBLE: i16 = message!(@flexible $flexible);

                fn encode(
                    &self,
                    version: i16,
                    w: &mut Writer,
                ) -> Result<(), EncodeError> {
                    if !Self::VERSIONS.contains(version) {
                        return Err(EncodeError::UnsupportedVersion {
                            message: stringify!($name),
                            version,
                            supported: Self::VERSIONS,
                        });
                    }
                    let flexible = version >= Self::FLEXIBLE;
                    let at = At { version, flexible };
                    Field::encode(self, at, w)
                }

                fn decode(
                    version: i16,
                    r: &mut Reader,
                ) -> Result<Self, DecodeError> {
                    if !Self::VERSIONS.contains(version) {
                        return Err(DecodeError::UnsupportedVersion {
                            message: stringify!($name),
                            version,
                            supported: Self::VERSIONS,
                        });
                    }
                    let flexible = version >= Self::FLEXIBLE;
                    let at = At { version, flexible };
                    Field::decode(at, r)
                }
            }
        };
    };
}

/// The structs of a message, and how each is written and read.
macro_rules! structs {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $type:ty $([$($clause:tt)*])? $(= $default:expr)?
            ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        const _: () = {
            use $crate::messages::definition::clause;
            use $crate::messages::field::{At, Field};
            use $crate::primitives::{DecodeError, EncodeError, Reader, Writer};

            impl Default for $name {
                fn default() -> Self {
                    Self {
                        $($field: clause!(@default $type $(= $default)?),)*
                    }
                }
            }

            impl Field for $name {
                fn min_len(at: At) -> usize {
                    let mut len = usize::from(at.flexible);
                    $(
                        let tag: Option<u32> = clause!(@tag $($($clause)*)?);
                        if tag.is_none() && clause!(@versions $($($clause)*)?).contains(&at.version) {
                            len += <$type as Field>::min_len(at);
                        }
                    )*
                    len
                }

                fn encode(
                    &self,
                    at: At,
                    w: &mut Writer,
                ) -> Result<(), EncodeError> {
                    let version = at.version;
                    let mut tagged = 0;
                    $(
                        let field = concat!(stringify!($name), ".", stringify!($field));
                        let tag: Option<u32> = clause!(@tag $($($clause)*)?);
                        let is_set = || self.$field != clause!(@default $type $(= $default)?);
                        if clause!(@versions $($($clause)*)?).contains(&version) {
                            let null = clause!(@null $($($clause)*)?);
                            if self.$field.is_null() && !null.contains(&version) {
                                return Err(EncodeError::UnexpectedNull { field, version });
                            }
                            if tag.is_none() {
                                self.$field.encode(at, w)?;
                            } else if is_set() {
                                tagged += 1;
                            }
                        } else if !clause!(@ignorable $($($clause)*)?) && is_set() {
                            return Err(EncodeError::FieldNotInVersion { field, version });
                        }
                    )*
                    if at.flexible {
                        w.put_unsigned_varint(tagged);
                    }
                    if tagged == 0 {
                        return Ok(());
                    }
                    $(
                        if let Some(tag) = clause!(@tag $($($clause)*)?)
                            && clause!(@versions $($($clause)*)?).contains(&version)
                            && self.$field != clause!(@default $type $(= $default)?)
                        {
                            w.put_tagged_field(tag, |w| self.$field.encode(at, w))?;
                        }
                    )*
                    Ok(())
                }

                fn decode(
                    at: At,
                    r: &mut Reader,
                ) -> Result<Self, DecodeError> {
                    let version = at.version;
                    let mut value = Self::default();
                    $(
                        let tag: Option<u32> = clause!(@tag $($($clause)*)?);
                        if tag.is_none() && clause!(@versions $($($clause)*)?).contains(&version) {
                            value.$field = Field::decode(at, r)?;
                            let null = clause!(@null $($($clause)*)?);
                            if value.$field.is_null() && !null.contains(&version) {
                                let what = concat!(stringify!($name), ".", stringify!($field));
                                return Err(DecodeError::UnexpectedNull { what });
                            }
                        }
                    )*
                    if at.flexible {
                        r.get_tagged_fields(|tag, r| {
                            $(
                                if clause!(@tag $($($clause)*)?) == Some(tag)
                                    && clause!(@versions $($($clause)*)?).contains(&version)
                                {
                                    value.$field = Field::decode(at, r)?;
                                    return Ok(true);
                                }
                            )*
                            Ok(false)
                        })?;
                    }
                    Ok(value)
                }

                #[cfg(test)]
                fn sample(at: At, entropy: &mut $crate::messages::tests::Entropy<'_>) -> Self {
                    let mut value = Self::default();
                    $(
                        if clause!(@versions $($($clause)*)?).contains(&at.version) {
                            let sample: $type = Field::sample(at, entropy);
                            let null = clause!(@null $($($clause)*)?);
                            if !sample.is_null() || null.contains(&at.version) {
                                value.$field = sample;
                            }
                        }
                    )*
                    value
                }
            }
        };
    )*};
}

/// What a field's clauses say, and what it means that one is missing.
macro_rules! clause {
    (@versions) => {
        (i16::MIN..)
    };
    (@versions $versions:expr $(, $($rest:tt)*)?) => {
        ($versions)
    };

    (@tag $versions:expr, tag $tag:literal $($rest:tt)*) => {
        Some($tag)
    };
    (@tag $($rest:tt)*) => {
        None::<u32>
    };

    (@null $versions:expr $(, tag $tag:literal)?, null $null:expr $(, ignorable)?) => {
        ($null)
    };
    (@null $($rest:tt)*) => {
        (i16::MIN..)
    };

    (@ignorable $versions:expr $(, tag $tag:literal)? $(, null $null:expr)?, ignorable) => {
        true
    };
    (@ignorable $($rest:tt)*) => {
        false
    };

    (@default $type:ty) => {
        <$type>::default()
    };
    (@default $type:ty = $default:expr) => {
        $default
    };
}

pub(crate) use {clause, message, structs};
