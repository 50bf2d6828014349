//! The guided grant: who, which role, and until when or under which condition. Checked field by field; what the role
//! grants is shown while it is chosen.

use jiff::{SignedDuration, Timestamp};

use crate::{
    model::{
        condition::{Condition, State},
        lifetime,
        member::Member,
        permission::Permission,
        policy::{Triple, gives::Gives},
        role,
    },
    tui::widgets::form::{COMPLETIONS, Completion, Field, Form},
};

/// The default duration of a new grant.
const DEFAULT_UNTIL: &str = "1h";

/// A grant being filled in.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) form: Form,
    /// The grant being replaced; none for a new one.
    pub(crate) replaces: Option<Triple>,
    /// Whether it ends in a request to an administrator, because the caller can't edit the policy.
    pub(crate) asks: bool,
}

impl Grant {
    /// An empty grant; `permission` preselects the narrowest role that contains it.
    pub(crate) fn new(member: Option<Member>, permission: Option<Permission>, asks: bool) -> Grant {
        let member = member.map(|member| member.as_str().to_owned()).unwrap_or_default();
        let role = permission.map_or("roles/iam.serviceAccountTokenCreator", |permission| permission.role);
        let mut form = form(&member, role, DEFAULT_UNTIL, None, if asks { "copy request" } else { "stage" });
        if !member.is_empty() {
            form.focus_on("role");
        }
        Grant { form, replaces: None, asks }
    }

    /// Edits an existing grant.
    pub(crate) fn edit(triple: &Triple) -> Grant {
        let condition = triple.condition.as_ref();
        let mut form = form(triple.member.as_str(), &triple.role, "", condition, "stage");
        form.focus_on("until");
        Grant { form, replaces: Some(triple.clone()), asks: false }
    }

    /// The grant that the form describes; none if a field is invalid, with the reason beside that field.
    pub(crate) fn check(&mut self, now: Timestamp) -> Option<Triple> {
        let form = &mut self.form;
        let member = Member::parse(form.text("member").trim());
        form.set_error("member", member.as_ref().err().cloned());
        let role = check_role(form.text("role").trim());
        form.set_error("role", role.as_ref().err().cloned());
        let old = self.replaces.as_ref().and_then(|triple| triple.condition.as_ref());
        let condition = check_condition(form, old, now);
        form.set_error("until", None);
        form.set_error("expression", None);
        if let Err((field, sentence)) = &condition {
            form.set_error(field, Some(sentence.clone()));
        }
        let (member, _) = member.ok()?;
        Some(Triple { role: role.ok()?, member, condition: condition.ok()? })
    }

    /// Whether it expires after a duration, which starts now.
    pub(crate) fn counts(&self) -> bool {
        let until = self.form.text("until").trim();
        self.form.text("expression").trim().is_empty() && lifetime::seconds(until).is_some()
    }

    /// Completions for the field being edited.
    pub(crate) fn complete(&mut self, members: &[Member], roles: &[(String, String)]) {
        let Some(field) = self.form.editing() else { return self.form.offer(Vec::new(), false) };
        let typed = self.form.text(field).trim().to_lowercase();
        let completions = match field {
            "member" => members
                .iter()
                .filter(|member| member.as_str().to_lowercase().contains(&typed) && member.as_str() != typed)
                .take(COMPLETIONS)
                .map(|member| Completion { text: member.as_str().to_owned(), about: String::new() })
                .collect(),
            "role" => roles
                .iter()
                .filter(|(name, title)| {
                    name.to_lowercase() != typed && format!("{name} {title}").to_lowercase().contains(&typed)
                })
                .take(COMPLETIONS)
                .map(|(name, title)| Completion { text: name.clone(), about: title.clone() })
                .collect(),
            "until" => ["15m", "1h", "8h", "never"]
                .into_iter()
                .filter(|choice| choice.starts_with(&typed) && *choice != typed)
                .map(|choice| Completion { text: choice.to_owned(), about: String::new() })
                .collect(),
            _ => Vec::new(),
        };
        let whole = match field {
            "member" => Member::parse(self.form.text(field).trim()).is_ok(),
            "role" => check_role(self.form.text(field).trim()).is_ok(),
            _ => true,
        };
        self.form.offer(completions, !whole && !typed.is_empty());
    }

    /// What the chosen role grants, in one line.
    pub(crate) fn gives(&self, custom: &dyn Fn(&str) -> Option<Vec<String>>) -> String {
        let name = self.form.text("role").trim();
        match Gives::of(name, custom) {
            None => "the permissions of this role are unknown".into(),
            Some(gives) => match (gives.words().as_str(), gives.note()) {
                ("", None) => "grants nothing on a service account".into(),
                ("", Some(note)) => note.to_owned(),
                (words, None) => format!("grants {words}"),
                (words, Some(note)) => format!("grants {words}; {note}"),
            },
        }
    }
}

fn form(member: &str, role: &str, until: &str, condition: Option<&Condition>, button: &'static str) -> Form {
    let expression = condition.map(Condition::expression).unwrap_or_default();
    let title = condition.map(Condition::title).unwrap_or_default();
    Form::new(
        button,
        vec![
            Field::text("member", "member", member, "user:, group:, serviceAccount:, …"),
            Field::text("role", "role", role, "type to search").replaced_by_typing(),
            Field::text("until", "expires", until, "15m, 1h, 8h, a date and time, or never"),
            Field::text("expression", "condition", expression, "CEL, instead of an expiry"),
            Field::text("title", "title", title, "of the condition"),
        ],
    )
}

/// Accepts the three documented forms of a role name.
fn check_role(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let fine = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b))
    };
    match parts.as_slice() {
        ["roles", name] if fine(name) => Ok(text.to_owned()),
        ["projects" | "organizations", owner, "roles", name] if fine(owner) && fine(name) => {
            Ok(text.to_owned())
        }
        _ => Err("Enter roles/NAME, projects/PROJECT/roles/NAME or organizations/NUMBER/roles/NAME".into()),
    }
}

/// The condition that the fields describe. When a grant is edited, a time replaces its old condition; a time together
/// with another condition is an error.
fn check_condition(
    form: &Form,
    old: Option<&Condition>,
    now: Timestamp,
) -> Result<Option<Condition>, (&'static str, String)> {
    let (expression, title) = (form.text("expression").trim(), form.text("title").trim());
    let kept = old.is_some_and(|old| old.expression() == expression);
    let timed = !form.text("until").trim().is_empty();
    if kept && !timed && old.is_some_and(|old| old.title() == title) {
        return Ok(old.cloned());
    }
    let replaced = kept && timed;
    if !(expression.is_empty() || replaced) {
        if timed && form.text("until").trim() != DEFAULT_UNTIL {
            return Err(("until", "Set an expiry or a condition, not both".into()));
        }
        if title.is_empty() {
            return Err(("expression", "A condition needs a title (the field below)".into()));
        }
        let condition = Condition::new(title, expression);
        if matches!(condition.evaluate(now), State::Ended { .. } | State::Never) {
            let words = condition.words(now);
            return Err(("expression", format!("This grants nothing: the condition {words}")));
        }
        return Ok(Some(condition));
    }
    // A replaced condition's title goes with it.
    let title = if kept { "" } else { title };
    let until = form.text("until").trim();
    if until == "never" {
        return Ok(None);
    }
    let rule = || {
        (
            "until",
            "Enter a duration such as 15m, 1h or 8h, a time such as 2027-01-01T08:00Z, or never".to_owned(),
        )
    };
    let at = match until.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let seconds = lifetime::seconds(until).ok_or_else(rule)?;
            now.checked_add(SignedDuration::from_secs(i64::try_from(seconds).map_err(|_| rule())?))
                .map_err(|_| rule())?
        }
    };
    if at <= now {
        return Err(("until", format!("{at} is in the past")));
    }
    let title = if title.is_empty() {
        format!("expires {}", at.strftime("%Y-%m-%d %H:%MZ"))
    } else {
        title.to_owned()
    };
    Ok(Some(Condition::expires(at, &title)))
}

/// Roles offered until Google has answered: those that let someone act as an account.
pub(crate) fn usual_roles() -> Vec<(String, String)> {
    const USUAL: [&str; 8] = [
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/iam.serviceAccountUser",
        "roles/iam.workloadIdentityUser",
        "roles/iam.serviceAccountViewer",
        "roles/iam.serviceAccountAdmin",
        "roles/iam.serviceAccountKeyAdmin",
        "roles/viewer",
    ];
    USUAL.iter().map(|name| ((*name).to_owned(), role::title(name).unwrap_or_default().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn filled(until: &str, expression: &str, title: &str) -> Grant {
        let mut grant = Grant {
            form: form("user:dev@example.com", "roles/viewer", until, None, "stage"),
            replaces: None,
            asks: false,
        };
        grant.form.set_text("expression", expression);
        grant.form.set_text("title", title);
        grant
    }

    #[test]
    fn a_length_becomes_a_condition_on_time_and_never_becomes_none() {
        let now = at(1_800_000_000);
        let triple = filled("1h", "", "").check(now).expect("good");
        let condition = triple.condition.expect("a condition");
        assert!(condition.expression().contains("2027-01-15T09:00:00Z"), "{}", condition.expression());
        assert!(condition.title().contains("expires"));
        assert_eq!(filled("never", "", "").check(now).expect("good").condition, None);
        // A permanent grant needs the word “never”, not an empty field.
        assert!(filled("", "", "").check(now).is_none());
        assert!(filled("2027-01-16T08:00:00Z", "", "").check(now).is_some());
    }

    #[test]
    fn a_time_takes_the_place_of_the_condition_that_was_there() {
        let now = at(1_800_000_000);
        let old = Condition::new("until-2099", "request.time < timestamp(\"2099-01-01T00:00:00Z\")");
        let triple = Triple {
            role: "roles/x".into(),
            member: Member::read("user:b@example.com"),
            condition: Some(old.clone()),
        };
        let mut grant = Grant::edit(&triple);
        assert_eq!(grant.check(now).expect("as it was").condition, Some(old));
        grant.form.set_text("until", "8h");
        let shorter = grant.check(now).expect("good").condition.expect("a condition");
        assert!(shorter.expression().contains("2027-01-15T16:00:00Z"), "{}", shorter.expression());
        grant.form.set_text("until", "never");
        assert_eq!(grant.check(now).expect("good").condition, None);
    }

    #[test]
    fn each_wrong_field_says_its_rule() {
        let now = at(1_800_000_000);
        for (mut grant, field) in [
            (filled("soon", "", ""), "until"),
            (filled("2020-01-01T00:00:00Z", "", ""), "until"),
            (filled("", "true", ""), "expression"),
            (filled("", "request.time < timestamp(\"2020-01-01T00:00:00Z\")", "old"), "expression"),
            (filled("8h", "true", "both"), "until"),
        ] {
            assert_eq!(grant.check(now), None);
            assert_eq!(grant.form.first_error(), Some(field));
        }
        let mut grant = filled("1h", "", "");
        grant.form.set_text("member", "dev@example.com");
        grant.form.set_text("role", "TokenCreator");
        assert_eq!(grant.check(now), None);
        assert_eq!(grant.form.first_error(), Some("member"));
        grant.form.set_text("member", "user:dev@example.com");
        assert_eq!(grant.check(now), None);
        assert_eq!(grant.form.first_error(), Some("role"));
    }
}
