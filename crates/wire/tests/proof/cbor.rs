//! An encoder of its own, and a printer for people. It shares no code with the crate, so that the two check each other.

use ciborium::Value;
use data_encoding::HEXLOWER;

pub(crate) fn int(number: impl Into<u64>) -> Value {
    Value::Integer(number.into().into())
}

pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    Value::Bytes(bytes.as_ref().to_vec())
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn list<const N: usize>(elements: [Value; N]) -> Value {
    Value::Array(elements.into())
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

pub(crate) fn value_of(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

pub(crate) fn frame(kind: u64, fields: &Value) -> Vec<u8> {
    encode(&list([int(1_u64), int(kind), bytes(encode(fields))]))
}

pub(crate) fn body(kind: u64, fields: &Value) -> Vec<u8> {
    encode(&list([int(kind), bytes(encode(fields))]))
}

/// The elements of an array.
pub(crate) fn elements(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().unwrap()
}

/// Diagnostic notation (RFC 8949, section 8). Byte strings past 16 bytes are cut to 4, with their length.
pub(crate) fn diagnostic(value: &Value) -> String {
    match value {
        Value::Integer(number) => i128::from(*number).to_string(),
        Value::Bytes(bytes) if bytes.len() > 16 => {
            format!("h'{}..{}'", HEXLOWER.encode(&bytes[..4]), bytes.len())
        }
        Value::Bytes(bytes) => format!("h'{}'", HEXLOWER.encode(bytes)),
        Value::Text(text) => format!("{text:?}"),
        Value::Bool(bool) => bool.to_string(),
        Value::Null => "null".to_owned(),
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(diagnostic).collect::<Vec<_>>().join(", "))
        }
        Value::Float(_) | Value::Tag(..) | Value::Map(_) | _ => panic!("no type of ours holds {value:?}"),
    }
}
