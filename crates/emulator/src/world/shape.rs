//! Checks that a file has objects where objects belong. Serde accepts a list of values for the fields of any
//! object; comparing the value as read with the text as written finds that out.

use serde_json::Value;

use super::{World, WorldError, content};

impl World {
    /// Refuses the first list that was read as an object. To be called before anything is completed.
    pub(super) fn check_shape(&self, text: &str) -> Result<(), WorldError> {
        let (read, written) = (serde_json::to_value(self)?, serde_json::from_str(text)?);
        match list_for_object(&written, &read) {
            Some(at) => {
                let field = if at.is_empty() { "the whole world" } else { at.trim_start_matches('.') };
                Err(content(field.to_owned(), "expected an object, not a list".to_owned()))
            }
            None => Ok(()),
        }
    }
}

/// Where a list is in the place of an object.
fn list_for_object(written: &Value, read: &Value) -> Option<String> {
    match (written, read) {
        (Value::Array(_), Value::Object(_)) => Some(String::new()),
        (Value::Array(written), Value::Array(read)) => {
            let mut pairs = written.iter().zip(read).enumerate();
            pairs.find_map(|(i, (written, read))| Some(format!("[{i}]{}", list_for_object(written, read)?)))
        }
        (Value::Object(written), Value::Object(read)) => written.iter().find_map(|(name, written)| {
            Some(format!(".{name}{}", list_for_object(written, read.get(name)?)?))
        }),
        _ => None,
    }
}
