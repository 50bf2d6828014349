//! The small changes of one file: what each is, and which text has to be put where so that a switch decides while the
//! program runs. Every change is made of insertions only, so that all of them stand in one text and are built once.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprMatch, Item, Lit, Pat, ReturnType, Stmt, Type, UnOp};

use crate::lists::{List, is_test, lists, range};

/// One small change. The identifier is its place in the list of all files.
pub struct Mutant {
    /// Of the first letter, from 1.
    pub line: usize,
    /// The function it stands in, with its type where it has one: `Guard::admins_left`.
    pub within: String,
    /// What is done, with the text: “`a >= b` becomes `a > b`”.
    pub what: String,
}

/// Text to put in at one place. What begins a range goes in front of what stands there, outermost first; what ends one
/// goes behind, innermost first.
pub struct Insertion {
    pub at: usize,
    /// The other end of the range that is wrapped, or `at`.
    pub other: usize,
    pub text: String,
    /// The mutants (in this file) that the text serves.
    pub serves: std::ops::Range<usize>,
}

pub struct Sites {
    pub mutants: Vec<Mutant>,
    pub insertions: Vec<Insertion>,
}

/// All changes of a file, numbered from `first` on; those in `without` are counted but not put in.
pub fn find(text: &str, first: usize, without: &dyn Fn(usize) -> bool) -> syn::Result<Sites> {
    let file = syn::parse_file(text)?;
    let mut finder = Finder {
        text,
        first,
        without,
        within: Vec::new(),
        lists: lists(&file.items, text),
        sites: Sites { mutants: Vec::new(), insertions: Vec::new() },
    };
    for list in std::mem::take(&mut finder.lists) {
        finder.list(list);
    }
    finder.visit_file(&file);
    Ok(finder.sites)
}

struct Finder<'a> {
    text: &'a str,
    first: usize,
    without: &'a dyn Fn(usize) -> bool,
    within: Vec<String>,
    lists: Vec<List>,
    sites: Sites,
}

/// On one line, and not for ever.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(90) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl Finder<'_> {
    fn of(&self, node: &impl Spanned) -> &str {
        &self.text[range(node.span())]
    }

    fn count(&mut self, line: usize, what: String) -> usize {
        let within = self.within.join("::");
        self.sites.mutants.push(Mutant { line, within, what });
        self.sites.mutants.len() - 1
    }

    fn insert(&mut self, at: usize, other: usize, text: String, serves: std::ops::Range<usize>) {
        self.sites.insertions.push(Insertion { at, other, text, serves });
    }

    /// Those of the alternatives that may be put in, with their numbers among all.
    fn offered(&mut self, line: usize, alternatives: Vec<(String, String)>) -> Vec<(usize, String)> {
        let counted = alternatives.into_iter().map(|(what, text)| (self.count(line, what), text));
        let counted: Vec<_> = counted.collect();
        counted.into_iter().filter(|(id, _)| !(self.without)(self.first + id)).collect()
    }

    /// An expression that is another one where the switch says so.
    fn instead(&mut self, node: &impl Spanned, alternatives: Vec<(String, String)>) {
        let place = range(node.span());
        let line = node.span().start().line;
        let offered = self.offered(line, alternatives);
        self.choice(place, &offered, "", "");
    }

    fn choice(
        &mut self,
        place: std::ops::Range<usize>,
        offered: &[(usize, String)],
        before: &str,
        borrow: &str,
    ) {
        let (Some((from, _)), Some((to, _))) = (offered.first(), offered.last()) else { return };
        let serves = *from..to + 1;
        let first = self.first;
        let mut text =
            format!("({before}match crate::mutant::active({}..{}) {{", first + from, first + to + 1);
        for (id, other) in offered {
            text += &format!(" {} => {borrow}{{ {other} }},", first + id);
        }
        text += &format!(" _ => {borrow}{{ ");
        self.insert(place.start, place.end, text, serves.clone());
        self.insert(place.end, place.start, " } })".to_owned(), serves);
    }

    fn becomes(&self, node: &impl Spanned, other: &str) -> (String, String) {
        (format!("`{}` becomes `{}`", short(self.of(node)), short(other)), other.to_owned())
    }

    /// A condition as a whole: always and never. A chain of conditions is taken apart instead.
    fn condition(&mut self, condition: &Expr, never_only: bool) {
        match condition {
            Expr::Let(_) | Expr::Lit(_) => {}
            Expr::Binary(chain) if matches!(chain.op, BinOp::And(_) | BinOp::Or(_)) => {}
            Expr::Paren(inside) => self.condition(&inside.expr, never_only),
            _ => {
                let mut alternatives = vec![self.becomes(condition, "false")];
                if !never_only {
                    alternatives.insert(0, self.becomes(condition, "true"));
                }
                self.instead(condition, alternatives);
            }
        }
    }

    fn body(&mut self, output: &ReturnType, block: &syn::Block, name: &syn::Ident) {
        let values: &[&str] = match output {
            ReturnType::Default => &[""],
            ReturnType::Type(_, ty) => match self.of(ty).split_whitespace().collect::<String>().as_str() {
                "bool" => &["true", "false"],
                "String" => &["String::new()"],
                "&str" | "&'staticstr" => &["\"\""],
                "usize" | "u64" | "u32" | "u16" | "u8" | "i64" | "i32" => &["0", "1"],
                "fmt::Result" => &["Ok(())"],
                ty if ty.starts_with("Option<") => &["None"],
                ty if ty.starts_with("Vec<") => &["Vec::new()"],
                ty if ty.starts_with("Result<(),") => &["Ok(())"],
                ty if ty.starts_with("Result<bool,") => &["Ok(true)", "Ok(false)"],
                ty if ty.starts_with("Result<Option<") => &["Ok(None)"],
                ty if ty.starts_with("Result<Vec<") => &["Ok(Vec::new())"],
                _ => &[],
            },
        };
        // One that already is no more than that cannot be changed into it.
        let inside = self.text[range(block.span())].trim_matches(['{', '}', ' ', '\n']).to_owned();
        if block.stmts.is_empty() {
            return;
        }
        let values = values.iter().filter(|value| **value != inside);
        let alternatives: Vec<_> = values
            .map(|value| match *value {
                "" => (format!("`{name}` does nothing"), "return".to_owned()),
                value => (format!("`{name}` always gives `{value}`"), format!("return {value}")),
            })
            .collect();
        let offered = self.offered(name.span().start().line, alternatives);
        let at = range(block.brace_token.span.open()).end;
        for (id, text) in offered {
            let number = self.first + id;
            let text = format!(" if crate::mutant::is({number}) {{ {text}; }}");
            self.insert(at, at, text, id..id + 1);
        }
    }

    /// A list: behind it its shorter forms, so that each use can choose.
    fn list(&mut self, mut list: List) {
        let from = self.sites.mutants.len();
        let mut constants = String::new();
        self.within = vec![list.name.clone()];
        let shorter = std::mem::take(&mut list.shorter);
        for (value, item) in shorter {
            let id = self.count(list.line, format!("`{}` without `{}`", list.name, short(&item)));
            if !(self.without)(self.first + id) {
                let number = self.first + id;
                constants +=
                    &format!(" #[allow(dead_code)] const {}_{number}: {} = {value};", list.name, list.ty);
            }
        }
        self.within.clear();
        list.serves = from..self.sites.mutants.len();
        self.insert(list.behind, list.behind, constants, list.serves.clone());
        self.lists.push(list);
    }

    fn use_of_list(&mut self, path: &syn::ExprPath) {
        let Some(name) = path.path.get_ident().map(ToString::to_string) else { return };
        let Some(list) = self.lists.iter().find(|list| list.name == name) else { return };
        let kept = list.serves.clone().filter(|id| !(self.without)(self.first + id));
        let offered: Vec<_> = kept.map(|id| (id, format!("{name}_{}", self.first + id))).collect();
        let place = range(path.span());
        let borrowed: Vec<_> = offered.into_iter().map(|(id, name)| (id, format!("&{name}"))).collect();
        self.choice_of_lists(place, &borrowed);
    }

    /// As a place behind a reference that lives as long as the program, so that what borrows from it still may.
    fn choice_of_lists(&mut self, place: std::ops::Range<usize>, offered: &[(usize, String)]) {
        let (Some((from, _)), Some((to, _))) = (offered.first(), offered.last()) else { return };
        let serves = *from..to + 1;
        let mut text =
            format!("(*match crate::mutant::active({}..{}) {{", self.first + from, self.first + to + 1);
        for (id, other) in offered {
            text += &format!(" {} => {other},", self.first + id);
        }
        text += " _ => &";
        self.insert(place.start, place.end, text, serves.clone());
        self.insert(place.end, place.start, " })".to_owned(), serves);
    }

    /// Each of several patterns left out by itself, and each arm, where another arm takes what it leaves.
    fn arms(&mut self, node: &ExprMatch) {
        let last = node.arms.last();
        let falls =
            last.is_some_and(|arm| arm.guard.is_none() && matches!(arm.pat, Pat::Wild(_) | Pat::Ident(_)));
        let plain = is_plain(&node.expr);
        for arm in &node.arms {
            let end_of_pattern = range(arm.pat.span()).end;
            let line = arm.pat.span().start().line;
            let mut guards = String::new();
            let mut ids: Option<std::ops::Range<usize>> = None;
            let whole = falls && !std::ptr::eq(arm, last.expect("an arm"));
            let mut leave = |finder: &mut Self, what: String, condition: &str| {
                let id = finder.count(line, what);
                if !(finder.without)(finder.first + id) {
                    let number = finder.first + id;
                    guards += if guards.is_empty() { "" } else { " && " };
                    guards += &format!("(!crate::mutant::is({number}){condition})");
                    ids = Some(ids.as_ref().map_or(id, |ids| ids.start)..id + 1);
                }
            };
            if let (Pat::Or(or), true, true) = (&arm.pat, plain, whole) {
                for case in &or.cases {
                    let scrutinee = self.of(&node.expr).to_owned();
                    let case = self.of(case).to_owned();
                    let condition = format!(" || !matches!({scrutinee}, {case})");
                    leave(self, format!("pattern `{}` is left out", short(&case)), &condition);
                }
            } else if whole {
                let pattern = short(self.of(&arm.pat));
                leave(self, format!("arm `{pattern}` is left out"), "");
            }
            match (&arm.guard, ids) {
                (Some((_, guard)), Some(ids)) if !has_let(guard) => {
                    let place = range(guard.span());
                    self.insert(place.start, place.end, format!("{guards} && ("), ids.clone());
                    self.insert(place.end, place.start, ")".to_owned(), ids);
                }
                (None, Some(ids)) => {
                    self.insert(end_of_pattern, end_of_pattern, format!(" if {guards}"), ids);
                }
                _ => {}
            }
            if let Some((_, guard)) = &arm.guard {
                self.condition(guard, false);
            }
        }
    }

    fn matches_macro(&mut self, node: &syn::ExprMacro) {
        type Parsed = (Expr, Pat, Option<Expr>);
        let parser = |input: syn::parse::ParseStream| -> syn::Result<Parsed> {
            let subject = input.parse()?;
            input.parse::<syn::Token![,]>()?;
            let pattern = Pat::parse_multi_with_leading_vert(input)?;
            let guard = match input.parse::<Option<syn::Token![if]>>()? {
                Some(_) => Some(input.parse()?),
                None => None,
            };
            input.parse::<Option<syn::Token![,]>>()?;
            Ok((subject, pattern, guard))
        };
        let Ok((subject, pattern, guard)) = node.mac.parse_body_with(parser) else { return };
        let subject = self.of(&subject).to_owned();
        let guard_text = guard.as_ref().map(|guard| self.of(guard).to_owned());
        let mut alternatives = Vec::new();
        if let Pat::Or(or) = &pattern {
            let cases: Vec<String> = or.cases.iter().map(|case| self.of(case).to_owned()).collect();
            for (at, case) in cases.iter().enumerate() {
                let others =
                    cases.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, case)| case.as_str());
                let others = others.collect::<Vec<_>>().join(" | ");
                let guard = guard_text.as_ref().map(|guard| format!(" if {guard}")).unwrap_or_default();
                let text = format!("matches!({subject}, {others}{guard})");
                alternatives.push((format!("`matches!` without `{}`", short(case)), text));
            }
        }
        if let Some(guard) = guard_text {
            let text = format!("matches!({subject}, {})", self.of(&pattern));
            alternatives.push((format!("`matches!` without its guard `{}`", short(&guard)), text));
        }
        self.instead(node, alternatives);
    }

    fn binary(&mut self, node: &syn::ExprBinary) {
        match node.op {
            BinOp::And(_) | BinOp::Or(_) => {
                let neutral = if matches!(node.op, BinOp::And(_)) { "true" } else { "false" };
                for side in [&node.left, &node.right] {
                    let chained = matches!(&**side, Expr::Binary(inner)
                        if std::mem::discriminant(&inner.op) == std::mem::discriminant(&node.op));
                    if !chained && !matches!(**side, Expr::Let(_)) {
                        let what = format!(
                            "`{}` in a chain of conditions becomes `{neutral}`",
                            short(self.of(side))
                        );
                        self.instead(side, vec![(what, neutral.to_owned())]);
                    }
                }
            }
            _ => {
                let other: &[&str] = match node.op {
                    BinOp::Eq(_) => &["!="],
                    BinOp::Ne(_) => &["=="],
                    BinOp::Lt(_) => &["<="],
                    BinOp::Le(_) => &["<"],
                    BinOp::Gt(_) => &[">="],
                    BinOp::Ge(_) => &[">"],
                    BinOp::Add(_) => &["-"],
                    BinOp::Sub(_) => &["+"],
                    BinOp::Mul(_) => &["+"],
                    BinOp::Div(_) | BinOp::Rem(_) => &["*"],
                    _ => &[],
                };
                let (left, right) = (self.of(&node.left), self.of(&node.right));
                let alternatives =
                    other.iter().map(|op| self.becomes(node, &format!("{left} {op} {right}"))).collect();
                self.instead(node, alternatives);
            }
        }
    }

    fn method(&mut self, node: &syn::ExprMethodCall) {
        let name = node.method.to_string();
        let other = match name.as_str() {
            "any" => "all",
            "all" => "any",
            "min" => "max",
            "max" => "min",
            "is_some" => "is_none",
            "is_none" => "is_some",
            "is_ok" => "is_err",
            "is_err" => "is_ok",
            "starts_with" | "ends_with" => "contains",
            "is_some_and" => "is_none_or",
            "is_none_or" => "is_some_and",
            "eq_ignore_ascii_case" => "eq",
            "saturating_sub" => "saturating_add",
            "saturating_add" => "saturating_sub",
            _ => "",
        };
        let receiver = self.of(&node.receiver).to_owned();
        let mut alternatives = Vec::new();
        if !other.is_empty() {
            let whole = range(node.span());
            let named = range(node.method.span());
            let text = format!(
                "{}{other}{}",
                &self.text[whole.start..named.start],
                &self.text[named.end..whole.end]
            );
            alternatives.push((format!("`{name}` of `{}` becomes `{other}`", short(&receiver)), text));
        }
        if matches!(name.as_str(), "trim" | "trim_start" | "trim_end") {
            alternatives.push((format!("no `{name}` of `{}`", short(&receiver)), receiver.clone()));
        }
        if matches!(name.as_str(), "to_lowercase" | "to_ascii_lowercase") {
            alternatives
                .push((format!("no `{name}` of `{}`", short(&receiver)), format!("{receiver}.to_owned()")));
        }
        self.instead(node, alternatives);
        if name == "contains"
            && let Expr::Lit(literal) = &*node.receiver
        {
            self.letters(literal);
        }
        if name == "filter"
            && let Some(Expr::Closure(closure)) = node.args.first()
            && !matches!(*closure.body, Expr::Block(_))
        {
            self.condition(&closure.body, false);
        }
    }

    /// A set of characters as one literal: each left out by another in its place.
    fn letters(&mut self, literal: &syn::ExprLit) {
        let (prefix, letters): (&str, Vec<char>) = match &literal.lit {
            Lit::ByteStr(bytes) => ("b", bytes.value().into_iter().map(char::from).collect()),
            Lit::Str(text) => ("", text.value().chars().collect()),
            _ => return,
        };
        if letters.len() < 2 || letters.iter().any(|c| !c.is_ascii()) {
            return;
        }
        let alternatives = (0..letters.len()).map(|at| {
            let mut fewer = letters.clone();
            fewer[at] = letters[(at + 1) % letters.len()];
            let text: String = fewer.iter().map(|c| c.escape_default().to_string()).collect();
            (
                format!("`{}` is not among the characters", letters[at].escape_default()),
                format!("{prefix}\"{text}\""),
            )
        });
        let alternatives = alternatives.collect();
        self.instead(literal, alternatives);
    }

    fn statement(&mut self, statement: &Stmt) {
        let Stmt::Expr(expr, Some(_)) = statement else { return };
        let deletable = match expr {
            Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_) | Expr::Try(_) | Expr::Await(_) => true,
            Expr::Binary(binary) => matches!(
                binary.op,
                BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitAndAssign(_) | BinOp::BitOrAssign(_)
            ),
            _ => false,
        };
        if !deletable {
            return;
        }
        let place = range(statement.span());
        let line = statement.span().start().line;
        let what = format!("`{}` is not done", short(self.of(expr)));
        let offered = self.offered(line, vec![(what, String::new())]);
        if let Some((id, _)) = offered.first() {
            let number = self.first + id;
            let text = format!("if !crate::mutant::is({number}) {{ ");
            self.insert(place.start, place.end, text, *id..id + 1);
            self.insert(place.end, place.start, " }".to_owned(), *id..id + 1);
        }
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(node) => has_let(&node.left) || has_let(&node.right),
        _ => false,
    }
}

/// Whether it may be evaluated twice.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) => true,
        Expr::Field(field) => is_plain(&field.base),
        Expr::Reference(reference) => is_plain(&reference.expr),
        Expr::MethodCall(call) => call.args.is_empty() && is_plain(&call.receiver),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_plain),
        Expr::Unary(unary) => is_plain(&unary.expr),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Mod(item) if is_test(&item.attrs) => {}
            Item::Fn(item) if is_test(&item.attrs) => {}
            Item::Impl(item) if is_test(&item.attrs) => {}
            Item::Const(_) | Item::Static(_) | Item::Macro(_) | Item::Enum(_) | Item::Use(_) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if item.sig.constness.is_some() {
            return;
        }
        self.within.push(item.sig.ident.to_string());
        self.body(&item.sig.output, &item.block, &item.sig.ident);
        visit::visit_block(self, &item.block);
        self.within.pop();
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.within.push(short(self.of(&item.self_ty)));
        visit::visit_item_impl(self, item);
        self.within.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if item.sig.constness.is_some() || is_test(&item.attrs) {
            return;
        }
        self.within.push(item.sig.ident.to_string());
        self.body(&item.sig.output, &item.block, &item.sig.ident);
        visit::visit_block(self, &item.block);
        self.within.pop();
    }

    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}

    fn visit_type(&mut self, _: &'ast Type) {}

    fn visit_pat(&mut self, _: &'ast Pat) {}

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        match statement {
            Stmt::Item(item) => self.visit_item(item),
            statement => {
                self.statement(statement);
                visit::visit_stmt(self, statement);
            }
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Binary(node) => self.binary(node),
            Expr::Unary(node) if matches!(node.op, UnOp::Not(_)) => {
                let inside = self.of(&node.expr).to_owned();
                let alternatives = vec![self.becomes(node, &inside)];
                self.instead(node, alternatives);
            }
            Expr::If(node) => self.condition(&node.cond, false),
            Expr::While(node) => self.condition(&node.cond, true),
            Expr::Match(node) => self.arms(node),
            Expr::Macro(node) if node.mac.path.is_ident("matches") => self.matches_macro(node),
            Expr::MethodCall(node) => self.method(node),
            Expr::Path(node) => self.use_of_list(node),
            Expr::Array(node) if node.elems.len() > 1 => {
                let parts: Vec<&str> = node.elems.iter().map(|element| self.of(element)).collect();
                // Its neighbour takes an item's place, so that one beside its like cannot be left out.
                let unlike = (0..parts.len()).filter(|at| parts[*at] != parts[(at + 1) % parts.len()]);
                let alternatives = unlike.map(|at| {
                    let mut fewer = parts.clone();
                    fewer[at] = parts[(at + 1) % parts.len()];
                    (format!("a list without `{}`", short(parts[at])), format!("[{}]", fewer.join(", ")))
                });
                let alternatives = alternatives.collect();
                self.instead(node, alternatives);
            }
            Expr::Lit(literal) => {
                if let Lit::Bool(value) = &literal.lit {
                    let other = if value.value { "false" } else { "true" };
                    let alternatives = vec![self.becomes(literal, other)];
                    self.instead(literal, alternatives);
                }
            }
            // Evaluated by the compiler.
            Expr::Const(_) | Expr::Repeat(_) => return,
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}
