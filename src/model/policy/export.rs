//! Changes as text to copy: for gcloud and for Terraform. Nothing here contains a credential.

use super::Triple;
use super::diff::{Change, Op};
use crate::model::condition::Condition;
use crate::model::shell::quote;
use crate::model::visible::{self, is_unsafe};

/// The gcloud commands that make this change, one a line. For another condition the new grant comes first, so that
/// access isn't interrupted. gcloud knows a condition's title, description and expression, not its location.
pub fn gcloud(change: &Change, account: &str, project: &str) -> String {
    let command = |verb: &str, triple: Triple| {
        let words = [
            format!("--member={}", triple.member.as_str()),
            format!("--role={}", triple.role),
            format!(
                "--condition={}",
                triple.condition.as_ref().map_or_else(|| "None".to_owned(), condition_flag)
            ),
            format!("--project={project}"),
        ];
        let words: Vec<String> = words.iter().map(|word| quote_flag(word)).collect();
        format!(
            "gcloud iam service-accounts {verb}-iam-policy-binding {} {}",
            quote(account),
            words.join(" ")
        )
    };
    let lines = [
        change.added().map(|triple| command("add", triple)),
        change.removed().map(|triple| command("remove", triple)),
    ];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Quotes the value only, as people write it: `--role='…'`.
fn quote_flag(word: &str) -> String {
    match word.split_once('=') {
        Some((flag, value)) => format!("{flag}={}", quote(value)),
        None => quote(word),
    }
}

/// `expression=…,title=…,description=…`; if a value has a comma, another separator is announced first and used instead
/// (`gcloud topic escaping`).
fn condition_flag(condition: &Condition) -> String {
    let mut pairs = vec![("expression", condition.expression()), ("title", condition.title())];
    if !condition.description().is_empty() {
        pairs.push(("description", condition.description()));
    }
    let free = |sign: &char| {
        !sign.is_alphanumeric() && !is_unsafe(*sign) && pairs.iter().all(|(_, value)| !value.contains(*sign))
    };
    let sign =
        [',', ';', ':', '#', '@', '~', '%', '+'].into_iter().chain('\u{a1}'..).find(free).unwrap_or(',');
    let joined: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let joined = joined.join(&sign.to_string());
    if sign == ',' { joined } else { format!("^{sign}^{joined}") }
}

/// A `google_service_account_iam_member` block that grants it.
pub fn terraform(triple: &Triple, account: &str, project: &str) -> String {
    let name = format!(
        "{}_{}_{}",
        account.split('@').next().unwrap_or_default(),
        triple.role.rsplit(['/', '.']).next().unwrap_or_default(),
        triple.member.as_str().split_once(':').map_or(triple.member.as_str(), |(_, value)| value),
    );
    let id = format!("projects/{project}/serviceAccounts/{account}");
    let mut block = format!(
        "resource \"google_service_account_iam_member\" \"{}\" {{\n  service_account_id = {}\n  role               = {}\n  member             = {}\n",
        identifier(&name),
        hcl(&id),
        hcl(&triple.role),
        hcl(triple.member.as_str()),
    );
    if let Some(condition) = &triple.condition {
        block.push_str("\n  condition {\n");
        block.push_str(&format!("    title       = {}\n", hcl(condition.title())));
        if !condition.description().is_empty() {
            block.push_str(&format!("    description = {}\n", hcl(condition.description())));
        }
        block.push_str(&format!("    expression  = {}\n  }}\n", hcl(condition.expression())));
    }
    block.push_str("}\n");
    block
}

/// A message, a gcloud line and a Terraform block for someone who can edit the policy; `reason` is a separate sentence.
pub fn request(triple: &Triple, account: &str, project: &str, reason: Option<&str>) -> String {
    let change = Change::of(Op::Add, triple.clone());
    let until = triple.condition.as_ref().map(|condition| format!(", {}", visible::line(condition.title())));
    let reason = reason.map(|reason| format!(" {}", visible::line(reason))).unwrap_or_default();
    format!(
        "Please grant {} the role {} on the service account {}{}.{reason}\n\nWith gcloud:\n\n{}\n\nWith Terraform:\n\n{}\n",
        visible::line(triple.member.as_str()),
        visible::line(&triple.role),
        visible::line(account),
        until.unwrap_or_default(),
        gcloud(&change, account, project),
        terraform(triple, account, project),
    )
}

/// A name that Terraform accepts: letters, digits, `_` and `-`, not starting with a digit.
fn identifier(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' })
        .take(80)
        .collect();
    let name = name.trim_matches('_');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("grant_{name}")
    }
}

/// A quoted string of the HashiCorp configuration language, in which `${` and `%{` begin templates.
fn hcl(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => quoted.extend([c; 2]),
            // The same to Terraform; if the block is pasted into a shell by mistake, it runs nothing.
            '`' => quoted.push_str("\\u0060"),
            '$' => quoted.push_str("\\u0024"),
            c if is_unsafe(c) && u32::from(c) > 0xffff => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(c)))
            }
            c if is_unsafe(c) => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::member::Member;
    use impersona_emulator::names::{CREATOR, DEPLOYER};

    fn change(op: Op, member: &str, condition: Option<Condition>) -> Change {
        Change { op, role: CREATOR.to_owned(), member: Member::read(member), condition, was: None }
    }

    fn tmp() -> Condition {
        Condition::expires("2027-01-01T00:00:00Z".parse().unwrap(), "tmp")
    }

    #[test]
    fn a_grant_and_a_revocation_are_one_gcloud_command_each() {
        assert_eq!(
            gcloud(&change(Op::Add, "user:a@b.c", None), DEPLOYER, "acme-prod"),
            format!(
                "gcloud iam service-accounts add-iam-policy-binding {DEPLOYER} --member=user:a@b.c --role={CREATOR} --condition=None --project=acme-prod"
            )
        );
        let line = gcloud(
            &change(Op::Remove, "serviceAccount:p.svc.id.goog[ns/ksa]", Some(tmp())),
            DEPLOYER,
            "acme-prod",
        );
        assert!(line.contains(" remove-iam-policy-binding "), "{line}");
        assert!(line.contains("--member='serviceAccount:p.svc.id.goog[ns/ksa]'"), "{line}");
        assert!(
            line.contains(
                r#"--condition='expression=request.time < timestamp("2027-01-01T00:00:00Z"),title=tmp'"#
            ),
            "{line}"
        );
    }

    #[test]
    fn another_condition_is_granted_before_the_old_one_goes() {
        let change = Change { was: None, ..change(Op::Change, "user:a@b.c", Some(tmp())) };
        let text = gcloud(&change, DEPLOYER, "acme-prod");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("add-iam") && lines[0].contains("title=tmp"), "{text}");
        assert!(lines[1].contains("remove-iam") && lines[1].contains("--condition=None"), "{text}");
    }

    #[test]
    fn a_comma_in_a_condition_makes_another_sign_separate_its_parts() {
        let condition = Condition::new("a, b; it's", "x in [1,2]").described("d");
        assert_eq!(condition_flag(&condition), "^:^expression=x in [1,2]:title=a, b; it's:description=d");
        let line = gcloud(&change(Op::Add, "user:a@b.c", Some(condition)), DEPLOYER, "p");
        assert!(line.contains(r"it'\''s"), "{line}");
        let everything = Condition::new(",;:#@~%+", "¡");
        assert_eq!(condition_flag(&everything), "^¢^expression=¡¢title=,;:#@~%+");
    }

    #[test]
    fn terraform_gets_a_block_with_everything_quoted() {
        let triple = Triple {
            role: CREATOR.to_owned(),
            member: Member::read("user:dev@example.com"),
            condition: Some(Condition::new("a ${b} \"c\"", "x == \"%{y}\"\n").described("1")),
        };
        let block = r#"resource "google_service_account_iam_member" "deployer_serviceaccounttokencreator_dev_example_com" {
  service_account_id = "projects/acme-prod/serviceAccounts/deployer@acme-prod.iam.gserviceaccount.com"
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "user:dev@example.com"

  condition {
    title       = "a $${b} \"c\""
    description = "1"
    expression  = "x == \"%%{y}\"\n"
  }
}
"#;
        assert_eq!(terraform(&triple, DEPLOYER, "acme-prod"), block);
        let undescribed = Triple { condition: Some(Condition::new("t", "e")), ..triple.clone() };
        let block = terraform(&undescribed, DEPLOYER, "acme-prod");
        let condition = "\n  condition {\n    title       = \"t\"\n    expression  = \"e\"\n  }\n}\n";
        assert!(block.ends_with(condition), "{block}");
        let plain = Triple { condition: None, ..triple };
        assert!(
            !terraform(&plain, "1234", "p").contains("condition")
                && identifier("1234").starts_with("grant_1")
        );
    }

    #[test]
    fn the_first_sign_that_no_part_has_separates_the_parts() {
        // After those of the keyboard come those of Latin-1: not letters or digits, and none that is invisible.
        let order: Vec<char> = ",;:#@~%+¡¢£¤¥¦§¨©«¬®¯°±´¶·¸»¿×÷".chars().collect();
        for (i, sign) in order.iter().enumerate() {
            let taken: String = order[..i].iter().collect();
            for (title, expression, description) in
                [(&*taken, "e", "d"), ("t", &*taken, "d"), ("t", "e", &*taken)]
            {
                let condition = Condition::new(title, expression).described(description);
                let mut parts = vec![format!("expression={expression}"), format!("title={title}")];
                if !description.is_empty() {
                    parts.push(format!("description={description}"));
                }
                let joined = parts.join(&sign.to_string());
                let expected = if *sign == ',' { joined } else { format!("^{sign}^{joined}") };
                assert_eq!(condition_flag(&condition), expected);
            }
        }
    }

    #[test]
    fn each_sign_that_means_something_to_terraform_or_a_shell_is_written_so_that_it_does_not() {
        for (text, quoted) in [
            ("a", "a"),
            ("é", "é"),
            ("'", "'"),
            ("\"", "\\\""),
            ("\\", "\\\\"),
            ("\n", "\\n"),
            ("\r", "\\r"),
            ("\t", "\\t"),
            ("${", "$${"),
            ("%{", "%%{"),
            ("$", "\\u0024"),
            ("$$", "\\u0024\\u0024"),
            ("$${", "\\u0024$${"),
            ("%", "%"),
            ("%d{", "%d{"),
            ("{", "{"),
            ("`", "\\u0060"),
            ("\u{1b}", "\\u001b"),
            ("\u{202e}", "\\u202e"),
            ("\u{e0001}", "\\U000e0001"),
            // At the boundary between four digits and eight; visible characters on both sides stay.
            ("\u{fffd}", "\u{fffd}"),
            ("\u{ffff}", "\\uffff"),
            ("\u{10000}", "\u{10000}"),
            ("\u{1fffe}", "\\U0001fffe"),
            ("😀", "😀"),
        ] {
            assert_eq!(hcl(text), format!("\"{quoted}\""), "{text:?}");
            assert_eq!(hcl(&format!("a{text}b")), format!("\"a{quoted}b\""), "{text:?}");
        }
    }

    #[test]
    fn a_name_in_terraform_begins_with_a_letter_and_ends_somewhere() {
        for (text, name) in [
            ("Dev-1_x", "dev-1_x"),
            ("__dev__", "dev"),
            ("a.b@c/d é", "a_b_c_d"),
            ("-a", "grant_-a"),
            ("1a", "grant_1a"),
            ("é", "grant_"),
        ] {
            assert_eq!(identifier(text), name, "{text}");
        }
        assert_eq!((identifier(&"a".repeat(80)).len(), identifier(&"a".repeat(81)).len()), (80, 80));
    }

    #[test]
    fn a_request_holds_the_sentence_the_command_and_the_block() {
        let triple = Triple {
            role: CREATOR.to_owned(),
            member: Member::read("user:dev@example.com"),
            condition: Some(tmp()),
        };
        let add = Change::of(Op::Add, triple.clone());
        let text = request(&triple, DEPLOYER, "acme-prod", Some("To deploy."));
        let start = format!(
            "Please grant user:dev@example.com the role {CREATOR} on the service account {DEPLOYER}, tmp. To deploy.\n\nWith gcloud:\n\n"
        );
        let command = gcloud(&add, DEPLOYER, "acme-prod");
        let block = terraform(&triple, DEPLOYER, "acme-prod");
        assert_eq!(text, format!("{start}{command}\n\nWith Terraform:\n\n{block}\n"));
        let plain = request(&Triple { condition: None, ..triple }, DEPLOYER, "acme-prod", None);
        assert!(plain.contains(&format!("on the service account {DEPLOYER}.\n\n")), "{plain}");
    }
}
