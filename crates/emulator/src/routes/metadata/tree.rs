//! The contents of the metadata server as a tree of names, and the ways to read it: a list of names, one
//! value, everything below as JSON or as lines. It knows no headers and no tokens.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::machine;
use crate::metadata::{Attached, Metadata, Platform};

/// The content of a name.
#[derive(Debug)]
pub(crate) enum MetadataNode {
    /// Text, a number or a list of texts.
    Value(Value),
    /// Something made when it is asked for, which no reading of the whole shows.
    Made,
    /// A directory of Google's names, which JSON writes in camel case.
    Dir(Vec<(&'static str, MetadataNode)>),
    /// A directory of names that people chose, which stay as they are.
    Given(Vec<(String, MetadataNode)>),
    /// A directory of numbers, which JSON writes as a list.
    Items(Vec<MetadataNode>),
    /// A list that is text as JSON, too, unless text is asked for.
    Json(Value),
}

/// The result of following a path.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    /// A directory or a value.
    Here(&'a MetadataNode),
    /// A directory whose path lacks the slash at its end.
    Moved,
}

/// Everything, from `/` on. `number` is the project's.
pub(crate) fn build(machine: &Metadata, number: u64) -> MetadataNode {
    let instance = &machine.instance;
    let text = |text: &str| MetadataNode::Value(text.into());
    let mut own = Vec::new();
    own.push(("attributes", attribute_nodes(&instance.attributes)));
    if !(instance.name.is_empty() || instance.zone.is_empty()) {
        let host = format!("{}.{}.c.{}.internal", instance.name, instance.zone, machine.project);
        own.push(("hostname", text(&host)));
    }
    if instance.id != 0 {
        own.push(("id", MetadataNode::Value(instance.id.into())));
    }
    if !instance.name.is_empty() {
        own.push(("name", text(&instance.name)));
    }
    if machine.platform == Platform::Compute {
        own.extend(machine::build(instance, number));
    }
    // Cloud Run tells its region; a virtual machine leaves it to be read off its zone.
    if let (Platform::Serverless, Some(region)) = (machine.platform, instance.region()) {
        own.push(("region", text(&format!("projects/{number}/regions/{region}"))));
    }
    own.push(("service-accounts", accounts(&machine.accounts)));
    if !instance.zone.is_empty() {
        own.push(("zone", text(&format!("projects/{number}/zones/{}", instance.zone))));
    }
    own.sort_by_key(|(name, _)| *name);
    let project = vec![
        ("attributes", attribute_nodes(&machine.attributes)),
        ("numeric-project-id", MetadataNode::Value(number.into())),
        ("project-id", text(&machine.project)),
    ];
    let universe = vec![("universe-domain", text("googleapis.com"))];
    let all = vec![
        ("instance", MetadataNode::Dir(own)),
        ("project", MetadataNode::Dir(project)),
        ("universe", MetadataNode::Dir(universe)),
    ];
    MetadataNode::Dir(vec![("computeMetadata", MetadataNode::Dir(vec![("v1", MetadataNode::Dir(all))]))])
}

fn attribute_nodes(attributes: &BTreeMap<String, String>) -> MetadataNode {
    let nodes =
        attributes.iter().map(|(name, value)| (name.clone(), MetadataNode::Value(value.clone().into())));
    MetadataNode::Given(nodes.collect())
}

/// The first account is listed twice: as `default` and under its email.
fn accounts(attached: &[Attached]) -> MetadataNode {
    let aliases = |i: usize| if i == 0 { json!(["default"]) } else { json!([]) };
    let node = |i: usize| {
        MetadataNode::Dir(vec![
            ("aliases", MetadataNode::Value(aliases(i))),
            ("email", MetadataNode::Value(attached[i].account.clone().into())),
            ("identity", MetadataNode::Made),
            ("scopes", MetadataNode::Value(attached[i].scopes.clone().into())),
            ("token", MetadataNode::Made),
        ])
    };
    let default = attached.first().map(|_| ("default".to_owned(), node(0)));
    let named = attached.iter().enumerate().map(|(i, one)| (one.account.clone(), node(i)));
    MetadataNode::Given(default.into_iter().chain(named).collect())
}

impl MetadataNode {
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self, MetadataNode::Dir(_) | MetadataNode::Given(_) | MetadataNode::Items(_))
    }

    fn children(&self) -> Option<Vec<(Cow<'_, str>, &MetadataNode)>> {
        match self {
            MetadataNode::Dir(nodes) => {
                Some(nodes.iter().map(|(name, node)| (Cow::Borrowed(*name), node)).collect())
            }
            MetadataNode::Given(nodes) => {
                Some(nodes.iter().map(|(name, node)| (Cow::Borrowed(name.as_str()), node)).collect())
            }
            MetadataNode::Items(nodes) => {
                Some(nodes.iter().enumerate().map(|(i, node)| (Cow::Owned(i.to_string()), node)).collect())
            }
            MetadataNode::Value(_) | MetadataNode::Json(_) | MetadataNode::Made => None,
        }
    }

    /// Follows the parts of a path; an empty last part is the slash at the end.
    pub(crate) fn find(&self, segments: &[String]) -> Option<Lookup<'_>> {
        let Some((first, rest)) = segments.split_first() else {
            return Some(if self.children().is_some() { Lookup::Moved } else { Lookup::Here(self) });
        };
        let children = self.children()?;
        if first.is_empty() && rest.is_empty() {
            return Some(Lookup::Here(self));
        }
        children.into_iter().find(|(name, _)| name == first)?.1.find(rest)
    }

    /// Text, one line for each name or item; a single value has no end of line.
    pub(crate) fn text(&self) -> String {
        match self {
            MetadataNode::Value(Value::Array(items)) => {
                items.iter().map(|item| format!("{}\n", plain(item))).collect()
            }
            MetadataNode::Value(value) => plain(value),
            MetadataNode::Json(value) => value.to_string(),
            MetadataNode::Made => String::new(),
            MetadataNode::Dir(_) | MetadataNode::Given(_) | MetadataNode::Items(_) => {
                self.names().iter().map(|name| format!("{name}\n")).collect()
            }
        }
    }

    /// The same where text is asked for: a list is always a line for each item.
    pub(crate) fn plain_text(&self) -> String {
        match self {
            MetadataNode::Json(list) => MetadataNode::Value(list.clone()).text(),
            _ => self.text(),
        }
    }

    /// JSON: of a directory its names. (That Google writes them as a list is not known for certain.)
    pub(crate) fn json(&self) -> Value {
        match self {
            MetadataNode::Value(value) | MetadataNode::Json(value) => value.clone(),
            _ => self.names().into(),
        }
    }

    /// The names in a directory, those of directories with a slash.
    fn names(&self) -> Vec<String> {
        let children = self.children().unwrap_or_default();
        let slash = |node: &MetadataNode| if node.children().is_some() { "/" } else { "" };
        children.into_iter().map(|(name, node)| format!("{name}{}", slash(node))).collect()
    }

    pub(crate) fn whole(&self) -> Value {
        let children = match self {
            MetadataNode::Value(value) | MetadataNode::Json(value) => return value.clone(),
            MetadataNode::Items(nodes) => return nodes.iter().map(MetadataNode::whole).collect(),
            _ => self.children().unwrap_or_default().into_iter(),
        };
        let name =
            |name: &str| if matches!(self, MetadataNode::Dir(_)) { camel(name) } else { name.to_owned() };
        let shown = children.filter(|(_, node)| !matches!(node, MetadataNode::Made));
        shown.map(|(key, node)| (name(&key), node.whole())).collect::<Map<_, _>>().into()
    }

    /// Everything below, as lines of a path and a value. (A list is a line for each item, which is our choice.)
    pub(crate) fn lines(&self) -> String {
        let mut out = String::new();
        self.write_lines("", &mut out);
        out
    }

    fn write_lines(&self, path: &str, out: &mut String) {
        if let MetadataNode::Value(_) | MetadataNode::Json(_) = self {
            self.plain_text().lines().for_each(|line| out.push_str(&format!("{path} {line}\n")));
        }
        for (name, node) in self.children().unwrap_or_default() {
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            node.write_lines(&path, out);
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `numeric-project-id` as `numericProjectId`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        all.push_str(letters.as_str());
        all
    })
}
