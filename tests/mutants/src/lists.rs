//! Constants that are lists, each with the shorter forms it can take.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Expr, Item, Type};

/// A constant that is a list, and what it becomes with one item left out.
pub struct List {
    pub name: String,
    pub behind: usize,
    pub line: usize,
    /// Type and value without the item, and the item.
    pub shorter: Vec<(String, String)>,
    pub ty: String,
    /// Its mutants in this file, once they are counted.
    pub serves: std::ops::Range<usize>,
}

/// Of a span, in bytes.
pub fn range(span: Span) -> std::ops::Range<usize> {
    span.byte_range()
}

pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || path.segments.last().is_some_and(|last| last.ident == "test")
            || (path.is_ident("cfg")
                && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains("test")))
    })
}

pub fn lists(items: &[Item], text: &str) -> Vec<List> {
    let constants = items.iter().filter_map(|item| match item {
        Item::Const(item) if !is_test(&item.attrs) => Some(item),
        _ => None,
    });
    constants
        .filter_map(|item| {
            let (borrow, array) = match &*item.expr {
                Expr::Reference(reference) => match &*reference.expr {
                    Expr::Array(array) => ("&", array),
                    _ => return None,
                },
                Expr::Array(array) => ("", array),
                _ => return None,
            };
            let sized = match &*item.ty {
                Type::Array(_) => true,
                Type::Reference(reference) => matches!(*reference.elem, Type::Array(_)),
                _ => false,
            };
            let of = |span: Span| &text[range(span)];
            let parts: Vec<&str> = array.elems.iter().map(|element| of(element.span())).collect();
            // One that is used in other files only cannot be switched here.
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            if parts.len() < 2 || product.matches(&item.ident.to_string()).count() < 2 {
                return None;
            }
            let shorter = (0..parts.len()).map(|at| {
                let mut rest = parts.clone();
                match sized {
                    true => rest[at] = parts[(at + 1) % parts.len()],
                    false => drop(rest.remove(at)),
                }
                (format!("{borrow}[{}]", rest.join(", ")), parts[at].to_owned())
            });
            Some(List {
                name: item.ident.to_string(),
                behind: range(item.span()).end,
                line: item.span().start().line,
                shorter: shorter.collect(),
                ty: of(item.ty.span()).to_owned(),
                serves: 0..0,
            })
        })
        .collect()
}
