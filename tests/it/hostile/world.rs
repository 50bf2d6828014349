//! A world in which every text that anybody may choose is a trick.

use serde_json::{Value, json};

/// Sequences that act, letters that hide, reorder and pile up, letters that are wide: after each trick stands what would
/// be seen of it.
pub fn trick() -> String {
    let controls: String =
        (0..0xa0_u8).filter(|byte| *byte < 0x20 || *byte >= 0x7f).map(char::from).collect();
    format!(
        "Pwn\u{1b}]0;owned\u{7}\u{1b}]52;c;b3duZWQ=\u{1b}\\\u{1b}[31mred\u{1b}[2J\u{1b}[6n\u{1b}[?1000h\u{1b}P1$r\u{1b}\\\u{9b}2J\u{9d}0;t\u{9c}\
         \u{202e}dlrow\u{2066}\u{2069}\u{200b}\u{200d}\u{ad}\u{feff}\u{e0041}\u{2028}\u{3164}\u{fe0f}{}{controls}\r\n\tcolumn\u{8}\u{8} 数据管道 👍🏽 👩\u{200d}💻 🇩🇪 ក្ក لا |end",
        "z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}".repeat(3),
    )
}

/// The same, and long.
pub fn flood() -> String {
    let line = format!("{}{}", trick(), "a\u{300}".repeat(40));
    line.repeat(64 * 1024 / line.len() + 1)
}

/// The example organization in the hands of somebody hostile; `fault` is how Google's services err.
pub fn world(faults: Value) -> Value {
    let mut world: Value =
        serde_json::from_str(include_str!("../../../crates/emulator/assets/world.json")).unwrap();
    for name in ["organizations", "folders", "projects"] {
        for level in world[name].as_array_mut().unwrap() {
            hostile(level);
        }
    }
    let accounts = world["projects"][0]["accounts"].as_array_mut().unwrap();
    accounts[0]["displayName"] = trick().into();
    accounts[0]["description"] = flood().into();
    accounts[0]["policy"]["bindings"].as_array_mut().unwrap().push(json!({
        "role": "roles/iam.serviceAccountUser",
        "members": ["user:somebody@example.net"],
        "condition": {"title": trick(), "description": flood(), "expression": format!("request.time < timestamp(\"2099-01-01T00:00:00Z\") || \"{}\" == \"\"", "数\u{202e}\u{200b}")},
    }));
    world["faults"] = faults;
    world
}

/// Every text of this level, its roles and its conditions that is free to choose.
fn hostile(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "name" | "displayName" | "description" | "title" if field.is_string() => {
                        *field = trick().into()
                    }
                    "labels" => *field = json!({"env": trick()}),
                    _ => hostile(field),
                }
            }
        }
        Value::Array(fields) => fields.iter_mut().for_each(hostile),
        _ => {}
    }
}
