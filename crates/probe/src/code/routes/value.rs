//! What is known of a value where routes are put together. Values hold values, so how deep is counted where one is made: whoever
//! goes through one, and whoever lets go of it, needs no more stack than that. Next: `eval.rs`.

use std::ops::Deref;
use std::rc::Rc;

/// Values inside values; what is deeper is not known.
const MAX_NESTED: u16 = 48;

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) enum Val {
    Unknown,
    Router(usize),
    /// A function: file, its unit, and the environment that it sees.
    Unit(usize, Rc<str>, usize),
    /// A name from outside.
    Outside(Rc<str>),
    /// What a call gave that was not followed, or that is known by who was called.
    Made(Rc<Made>),
    Object(usize),
    Text(Rc<str>),
    Number(i64),
    List(Rc<List>),
    Class(usize, Rc<str>),
    Module(usize),
    /// One of several.
    Either(Rc<List>),
}

/// A call.
#[derive(Debug)]
pub(super) struct Made {
    pub callee: Val,
    pub args: Vec<Val>,
    /// What running the function gave.
    pub result: Val,
    nested: u16,
}

/// Several values.
#[derive(Debug)]
pub(super) struct List {
    all: Vec<Val>,
    nested: u16,
}

impl Deref for List {
    type Target = [Val];

    fn deref(&self) -> &[Val] {
        &self.all
    }
}

impl Val {
    /// What a call gave.
    pub(super) fn made(callee: Self, args: Vec<Self>, result: Self) -> Self {
        let nested = 1 + callee.nested().max(result.nested()).max(deepest(&args));
        if nested > MAX_NESTED { Self::Unknown } else { Self::Made(Rc::new(Made { callee, args, result, nested })) }
    }

    /// Several values together.
    pub(super) fn list(all: Vec<Self>) -> Self {
        let nested = 1 + deepest(&all);
        if nested > MAX_NESTED { Self::Unknown } else { Self::List(Rc::new(List { all, nested })) }
    }

    /// One of several.
    pub(super) fn either(all: Vec<Self>) -> Self {
        let nested = 1 + deepest(&all);
        if nested > MAX_NESTED { Self::Unknown } else { Self::Either(Rc::new(List { all, nested })) }
    }

    fn nested(&self) -> u16 {
        match self {
            Self::Made(made) => made.nested,
            Self::List(list) | Self::Either(list) => list.nested,
            _ => 0,
        }
    }
}

fn deepest(all: &[Val]) -> u16 {
    all.iter().map(Val::nested).max().unwrap_or_default()
}
