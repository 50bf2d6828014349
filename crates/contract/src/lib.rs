//! What Google's discovery documents say of the methods that we call and that the emulator serves, and whether a request
//! or an answer is like that. The table is `discovery.jsonl`, made by `scripts/discovery`. This knows neither the client
//! nor the emulator, so that both are held against the same words.

mod refusal;
mod value;

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value};

pub use refusal::refusal;
use value::{Type, is_default};

/// A method of one of Google's APIs.
#[derive(Debug)]
pub struct Method {
    /// `iam.v1.roles.get`
    pub name: String,
    verb: String,
    path: String,
    query: BTreeMap<String, Type>,
    takes: Option<Type>,
    gives: Option<Type>,
}

/// Everything the table says.
#[derive(Debug, Default)]
pub struct Contract {
    methods: Vec<Method>,
    schemas: BTreeMap<String, BTreeMap<String, Type>>,
}

/// Which way a value goes: what may be sent is more than what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client.
    Sent,
    /// From a server, which leaves out what has its default value.
    Told,
}

/// A line of the table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Method {
        method: String,
        verb: String,
        path: String,
        #[serde(default)]
        query: BTreeMap<String, String>,
        takes: Option<String>,
        gives: Option<String>,
    },
    Schema {
        schema: String,
        fields: BTreeMap<String, String>,
    },
}

/// How deep messages go within others in an example.
const DEEPEST: usize = 5;

/// The contract of the table.
pub fn contract() -> &'static Contract {
    static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
        let types = |all: BTreeMap<String, String>| {
            all.into_iter().map(|(name, text)| (name, Type::parse(&text))).collect()
        };
        let mut contract = Contract::default();
        for line in include_str!("../discovery.jsonl").lines() {
            match serde_json::from_str(line).expect("the script writes rows of two kinds") {
                Row::Method { method, verb, path, query, takes, gives } => contract.methods.push(Method {
                    name: method,
                    verb,
                    path,
                    query: types(query),
                    takes: takes.as_deref().map(Type::parse),
                    gives: gives.as_deref().map(Type::parse),
                }),
                Row::Schema { schema, fields } => {
                    contract.schemas.insert(schema, types(fields));
                }
            }
        }
        contract
    });
    &CONTRACT
}

impl Contract {
    /// The methods, in the order of their names.
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter()
    }

    /// The method of a service (`iam`) behind a verb and a path as it is sent, percent-encoded and without its query.
    pub fn find(&self, service: &str, verb: &str, path: &str) -> Option<&Method> {
        self.methods.iter().find(|method| {
            method.name.split('.').next() == Some(service)
                && method.verb == verb
                && is_like(&method.path, path)
        })
    }

    /// What is wrong with a request to a method; nothing when all is well.
    pub fn request(&self, method: &Method, query: &[(String, String)], body: Option<&Value>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, value) in query {
            match method.query.get(name) {
                None => wrong.push(format!("there is no parameter {name}")),
                Some(Type::List(each)) => each.text(name, value, &mut wrong),
                Some(one) => {
                    one.text(name, value, &mut wrong);
                    if query.iter().filter(|(other, _)| other == name).count() > 1 {
                        wrong.push(format!("the parameter {name} is there more than once"));
                    }
                }
            }
        }
        match (&method.takes, body) {
            (Some(takes), Some(body)) => self.check(takes, body, "body", Way::Sent, &mut wrong),
            (None, Some(_)) => wrong.push("it takes no body".to_owned()),
            (Some(_), None) => wrong.push("it lacks its body".to_owned()),
            (None, None) => {}
        }
        wrong
    }

    /// What is wrong with an answer of a method; nothing when all is well.
    pub fn answer(&self, method: &Method, body: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        match &method.gives {
            Some(gives) => self.check(gives, body, "answer", Way::Told, &mut wrong),
            None => wrong.push("it gives no answer".to_owned()),
        }
        wrong
    }

    /// A request to a method that says everything which can be said, though not what would be meant: query and body.
    pub fn everything(&self, method: &Method) -> (Vec<(String, String)>, Option<Value>) {
        let text = |kind: &Type| match self.some(kind, 0) {
            Value::String(text) => text,
            Value::Array(items) => items[0].as_str().unwrap_or_default().to_owned(),
            other => other.to_string(),
        };
        let query = method.query.iter().map(|(name, kind)| (name.clone(), text(kind))).collect();
        (query, method.takes.as_ref().map(|takes| self.some(takes, 0)))
    }

    /// An answer of a method that says everything which can be said.
    pub fn full_answer(&self, method: &Method) -> Value {
        method.gives.as_ref().map(|gives| self.some(gives, 0)).unwrap_or_default()
    }

    fn some(&self, kind: &Type, depth: usize) -> Value {
        match kind {
            Type::List(each) => Value::Array(vec![self.some(each, depth)]),
            Type::Map(each) => Map::from_iter([("key".to_owned(), self.some(each, depth))]).into(),
            // Messages may hold their own kind.
            Type::Message(_) if depth == DEEPEST => Map::new().into(),
            Type::Message(schema) => {
                let fields = self.schemas[schema].iter();
                fields
                    .map(|(name, kind)| (name.clone(), self.some(kind, depth + 1)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            single => single.example(),
        }
    }

    /// What is wrong with a message of a schema (`sts.v1.GoogleIdentityStsV1Options`).
    pub fn message(&self, schema: &str, value: &Value, way: Way) -> Vec<String> {
        let mut wrong = Vec::new();
        self.check(&Type::Message(schema.to_owned()), value, "message", way, &mut wrong);
        wrong
    }

    fn check(&self, kind: &Type, value: &Value, at: &str, way: Way, wrong: &mut Vec<String>) {
        match (kind, value) {
            (Type::Message(schema), Value::Object(fields)) => self.fields(schema, fields, at, way, wrong),
            (Type::List(each), Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    self.check(each, item, &format!("{at}[{i}]"), way, wrong);
                }
            }
            (Type::Map(_), Value::Object(fields)) if fields.contains_key("@type") => {
                self.named(fields, at, way, wrong);
            }
            (Type::Map(each), Value::Object(entries)) => {
                for (name, entry) in entries {
                    self.check(each, entry, &format!("{at}.{name}"), way, wrong);
                }
            }
            _ => kind.value(at, value, way, wrong),
        }
    }

    /// A message that says itself what it is (`google.protobuf.Any`), where the table has its schema.
    fn named(&self, fields: &Map<String, Value>, at: &str, way: Way, wrong: &mut Vec<String>) {
        let kind = fields["@type"].as_str().unwrap_or_default();
        let name = kind.strip_prefix("type.googleapis.com/").and_then(|name| name.rsplit('.').next());
        let end = format!(".{}", name.unwrap_or("?"));
        let known: Vec<&String> = self.schemas.keys().filter(|schema| schema.ends_with(&end)).collect();
        let [schema] = known[..] else {
            return wrong.push(format!("{at}: the table has {} schemas for “{kind}”", known.len()));
        };
        let mut fields = fields.clone();
        fields.remove("@type");
        self.fields(schema, &fields, at, way, wrong);
    }

    fn fields(&self, schema: &str, fields: &Map<String, Value>, at: &str, way: Way, wrong: &mut Vec<String>) {
        let known = self.schemas.get(schema).unwrap_or_else(|| panic!("the table has no schema {schema}"));
        for (name, value) in fields {
            let at = format!("{at}.{name}");
            let Some(kind) = known.get(name) else {
                wrong.push(format!("{at}: {schema} has no such field"));
                continue;
            };
            if way == Way::Told && is_default(kind, value) {
                wrong.push(format!(
                    "{at}: a server leaves out what has its default value, and this is {value}"
                ));
            }
            self.check(kind, value, &at, way, wrong);
        }
    }
}

/// Whether a path is one of a pattern. A star is one part; a colon in it would begin another method's verb.
fn is_like(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(path).all(|(pattern, part)| match pattern.strip_prefix('*') {
            Some(verb) => part.strip_suffix(verb).is_some_and(|name| !name.is_empty() && !name.contains(':')),
            None => *pattern == part,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LIST: &str = "/v1/projects/p/serviceAccounts";

    fn find(verb: &str, path: &str) -> &'static Method {
        contract().find("iam", verb, path).expect("it is in the table")
    }

    #[test]
    fn a_method_is_found_by_service_verb_and_path() {
        assert_eq!(find("GET", LIST).name, "iam.v1.projects.serviceAccounts.list");
        let policy = "/v1/projects/-/serviceAccounts/a%40p:getIamPolicy";
        assert_eq!(find("POST", policy).name, "iam.v1.projects.serviceAccounts.getIamPolicy");
        for (service, verb, path) in [("iam", "PATCH", LIST), ("sts", "GET", LIST), ("iam", "GET", policy)] {
            assert!(contract().find(service, verb, path).is_none(), "{service} {verb} {path}");
        }
    }

    #[test]
    fn a_wrong_request_is_told_by_each_of_its_faults() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let query =
            [pair("pageSize", "many"), pair("pagesize", "1"), pair("pageToken", "a"), pair("pageToken", "b")];
        let wrong = contract().request(find("GET", LIST), &query, Some(&json!({})));
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        let set = find("POST", "/v1/projects/-/serviceAccounts/a:setIamPolicy");
        let body = json!({"policy": {"etag": "?", "version": "3", "bindings": [{"role": 1, "member": []}]},
            "updateMask": "audit_configs"});
        let wrong = contract().request(set, &[], Some(&body));
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        let good =
            json!({"policy": {"etag": "BwX1", "version": 3, "bindings": []}, "updateMask": "bindings,etag"});
        assert_eq!(contract().request(set, &[], Some(&good)), [""; 0]);
    }

    #[test]
    fn an_answer_tells_no_default_and_no_number_where_a_text_is_due() {
        let list = find("GET", LIST);
        let wrong = json!({"accounts": [{"email": "a@p", "disabled": false, "etag": "_w"}], "next": "x"});
        assert_eq!(contract().answer(list, &wrong).len(), 3, "{:?}", contract().answer(list, &wrong));
        let project = contract().find("cloudresourcemanager", "GET", "/v1/projects/p").expect("it is there");
        assert_eq!(contract().answer(project, &json!({"projectNumber": "1"})), [""; 0]);
        assert_eq!(contract().answer(project, &json!({"projectNumber": 1})).len(), 1);
    }
}
