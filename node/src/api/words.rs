//! Answers as JSON. Reasons travel as numbers between nodes; here they are words.

use axum::Json;
use frontdesk_wire::Reason;
use serde::Serialize;
use serde_json::Value;

/// Fields that hold a reason, wherever they stand.
const REASONS: [&str; 2] = ["reason", "join_refused"];

/// An answer of the engine, ready to send.
pub(super) fn shown(answer: &impl Serialize) -> Json<Value> {
    Json(in_words(answer))
}

/// A view of the engine as JSON with its reasons as words.
pub(super) fn in_words(view: &impl Serialize) -> Value {
    // Views have text keys and finite numbers, so this never fails.
    let mut value = serde_json::to_value(view).unwrap_or_default();
    spell(&mut value);
    value
}

fn spell(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(spell),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| {
            let code = field.as_u64().and_then(|code| u16::try_from(code).ok());
            match code.filter(|_| REASONS.contains(&name.as_str())) {
                Some(code) => *field = Reason::from_code(code).as_str().into(),
                None => spell(field),
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frontdesk_engine::MessageState;
    use serde_json::json;

    #[test]
    fn a_reason_is_a_word_however_deep_it_stands() {
        let failed = MessageState::Failed { reason: Reason::GrantExpired };
        let told = in_words(&json!({ "messages": [serde_json::to_value(failed).unwrap_or_default()] }));
        assert_eq!(told, json!({ "messages": [{ "state": "failed", "reason": "grant-expired" }] }));
    }
}
