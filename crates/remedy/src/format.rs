//! The form of `Remedy` documents, as people write them, and the set of all of them.
//!
//! A remedy is data: when it holds, what it needs of the repository, what it does, and what must be true afterwards. Every
//! form denies keys that it does not know; expressions, verbs' places and effects are checked when they are loaded, so that
//! a typo is an error of the catalog and never a wrong patch. Next: `propose.rs`, which applies them.

use crate::expression::Expression;
use ligase_document::{API_VERSION, DocumentError, Placed, read_one};
use ligase_domain::{ClauseId, Digest, EffectClass, FieldHasher};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RemedyDocument {
    #[allow(dead_code)]
    api_version: String,
    #[allow(dead_code)]
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    id: Placed<String>,
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Spec {
    #[serde(rename = "for")]
    clause: Placed<String>,
    statement: String,
    #[serde(default)]
    when: Option<Placed<String>>,
    #[serde(default)]
    abstain: Vec<AbstainSpec>,
    #[serde(default)]
    needs: BTreeMap<String, NeedSpec>,
    effects: Vec<EffectSpec>,
    #[serde(default)]
    edits: Vec<VerbSpec>,
    #[serde(default)]
    expect: Option<Placed<String>>,
    #[serde(default)]
    budget: Option<Budget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbstainSpec {
    #[serde(default)]
    when: Option<Placed<String>>,
    reason: Placed<String>,
    detail: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EffectSpec {
    #[serde(default)]
    when: Option<Placed<String>>,
    class: Placed<String>,
    #[serde(default)]
    who_notices: String,
    #[serde(default)]
    plan: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct NeedSpec {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default, rename = "where")]
    filter: Option<Placed<String>>,
    #[serde(default)]
    symbols: Option<Witness>,
    #[serde(default)]
    used_by: Option<Witness>,
    #[serde(default)]
    beside: Option<Witness>,
    #[serde(default)]
    written: Option<Form>,
    #[serde(default)]
    same_names: bool,
    #[serde(default)]
    none: Option<Placed<String>>,
    #[serde(default)]
    several: Option<Placed<String>>,
}

/// Where a symbol is seen in use: in the list `list` of observations of `kind`, under `symbol`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// The kind of the observations that use it.
    pub kind: String,
    /// Their list attribute.
    pub list: String,
    /// The key in the list's maps that names the symbol.
    pub symbol: String,
}

/// What of a neighbour's words stands before its handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A decorator or annotation, its sign included.
    Decorator,
    /// An argument between the path and the handler, or one that a router is given for all of its routes.
    Argument,
}

/// The largest patch that a remedy may make for one finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Files.
    pub files: u32,
    /// Added and removed lines together.
    pub lines: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct VerbSpec {
    #[serde(default)]
    found: Option<String>,
    #[serde(default)]
    not_found: Option<String>,
    #[serde(default)]
    each: Option<Placed<String>>,
    #[serde(default, rename = "where")]
    filter: Option<Placed<String>>,
    #[serde(default)]
    replace: Option<Replace>,
    #[serde(default)]
    insert_line: Option<InsertLine>,
    #[serde(default)]
    remove: Option<Remove>,
    #[serde(default)]
    set_key: Option<SetKey>,
    #[serde(default)]
    ensure_import: Option<EnsureImport>,
    #[serde(default)]
    ensure_parameter: Option<EnsureParameter>,
    #[serde(default)]
    ensure_argument: Option<EnsureArgument>,
    #[serde(default)]
    before_handler: Option<BeforeHandler>,
    #[serde(default)]
    chain_call: Option<ChainCall>,
    #[serde(default)]
    wrap: Option<Wrap>,
}

/// Other text in place of an anchor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// The anchor.
    pub of: String,
    /// The new text.
    pub with: String,
}

/// A line of its own, indented as the anchor's line is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsertLine {
    /// The anchor behind whose last line it comes.
    #[serde(default)]
    pub after: Option<String>,
    /// The anchor before whose first line it comes.
    #[serde(default)]
    pub before: Option<String>,
    /// The line.
    pub text: String,
}

/// An anchor goes: whole lines, or a value out of the call that logs it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Remove {
    /// The anchor.
    pub of: String,
    /// The anchor of the call that the value is taken out of, with what stood for it there.
    #[serde(default)]
    pub out_of: Option<String>,
    /// What stands in the message instead.
    #[serde(default)]
    pub instead: Option<String>,
}

/// An attribute of a block, or a key of a mapping; in YAML and JSON a path of keys (`securityContext.privileged`), whose
/// mappings are made where they are not there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetKey {
    /// The block's anchor.
    #[serde(rename = "in")]
    pub block: String,
    /// The anchor of the value that it has now, which not every subject has.
    #[serde(default)]
    pub present: Option<String>,
    /// The attribute.
    pub key: String,
    /// Its value, as it is to be written.
    pub value: String,
    /// In YAML: the key of the same mapping before which a new one comes; behind the last one without it.
    #[serde(default)]
    pub before: Option<String>,
    /// What may stand nowhere in the same block, where the setting would be refused.
    #[serde(default, rename = "not-beside")]
    pub not_beside: Option<NotBeside>,
}

/// Words beside which a setting does not work.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotBeside {
    /// They.
    pub regex: String,
    /// Why nothing is done.
    pub reason: String,
}

/// A symbol that the file is to have, under a name that later edits call `{name}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EnsureImport {
    /// The symbol, or the need that was found.
    #[serde(default)]
    pub symbol: Option<String>,
    /// Its module.
    #[serde(default)]
    pub from: Option<String>,
    /// A need whose symbol it is, in place of symbol and module.
    #[serde(default)]
    pub need: Option<String>,
    /// What later edits call it.
    #[serde(rename = "as")]
    pub name: String,
}

/// A parameter of a function.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsureParameter {
    /// The function's anchor.
    pub of: String,
    /// Its name.
    pub name: String,
    /// Its annotation.
    #[serde(default)]
    pub annotation: Option<String>,
    /// Its default.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether it comes first or last.
    pub position: PositionName,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionName {
    /// Before all others but `self`.
    First,
    /// Behind all others that are given by place.
    Last,
}

/// A keyword argument of a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsureArgument {
    /// The call's anchor.
    pub of: String,
    /// The keyword.
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: Option<String>,
    /// An element that its list holds.
    #[serde(default)]
    pub element: Option<String>,
}

/// An argument between the path and the handler of a call that hangs a route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeforeHandler {
    /// The anchor of its arguments, brackets included.
    pub of: String,
    /// The argument.
    pub value: String,
}

/// A call before the method whose arguments are named: `r.Get(…)` becomes `r.With(auth).Get(…)`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainCall {
    /// The anchor of its arguments, brackets included.
    pub of: String,
    /// The call.
    pub call: String,
}

/// A function around an expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrap {
    /// The expression's anchor.
    pub of: String,
    /// The function.
    pub with: String,
}

/// One edit of a remedy.
#[derive(Clone, Debug)]
pub(crate) enum Verb {
    Replace(Replace),
    InsertLine(InsertLine),
    Remove(Remove),
    SetKey(SetKey),
    EnsureImport(EnsureImport),
    EnsureParameter(EnsureParameter),
    EnsureArgument(EnsureArgument),
    BeforeHandler(BeforeHandler),
    ChainCall(ChainCall),
    Wrap(Wrap),
}

#[derive(Debug)]
pub(crate) struct Edit {
    /// The need that must have been found, and whether it must.
    pub found: Option<(String, bool)>,
    /// The list attribute over whose elements it goes; its anchors have their number at their end.
    pub each: Option<String>,
    pub filter: Option<Expression>,
    pub verb: Verb,
}

#[derive(Debug)]
pub(crate) struct Abstain {
    pub when: Option<Expression>,
    pub reason: String,
    pub detail: String,
}

#[derive(Debug)]
pub(crate) struct EffectRule {
    pub when: Option<Expression>,
    pub class: EffectClass,
    pub note: String,
}

#[derive(Debug)]
pub(crate) struct Need {
    pub source: NeedSource,
    pub filter: Option<Expression>,
    /// The reason of an abstention when there is none; without it the need is optional.
    pub none: Option<String>,
    pub several: Option<String>,
    /// Whether only what was given values of the same names will do: what a language with types needs.
    pub same_names: bool,
}

#[derive(Debug)]
pub(crate) enum NeedSource {
    /// Observations of a kind, preferred where witnesses near the subject use them.
    Kind { kind: String, used_by: Option<Witness> },
    /// Symbols that witnesses use.
    Symbols(Witness),
    /// What the neighbours of the subject have in its own file, in that file's words.
    Beside(Witness, Form),
}

/// A remedy, ready to be applied.
#[derive(Debug)]
pub struct Remedy {
    /// `constraint/clause/stack`.
    pub id: String,
    /// Counts up whenever it would make another patch.
    pub version: u32,
    /// The clause that it is for.
    pub clause: ClauseId,
    /// What it does, in one sentence.
    pub statement: String,
    pub(crate) when: Option<Expression>,
    pub(crate) abstain: Vec<Abstain>,
    pub(crate) needs: BTreeMap<String, Need>,
    pub(crate) effects: Vec<EffectRule>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) expect: Option<Expression>,
    /// The largest patch that it may make for one finding.
    pub budget: Budget,
}

/// What a remedy may change when it says nothing: one file, a handful of lines.
const BUDGET: Budget = Budget { files: 1, lines: 8 };

impl Remedy {
    /// Whether it edits anything; one that does not explains why it never does.
    pub fn edits(&self) -> bool {
        !self.edits.is_empty()
    }

    /// The classes of effect that it can have; which one it has depends on the subject.
    pub fn effect_classes(&self) -> impl Iterator<Item = EffectClass> {
        self.effects.iter().map(|rule| rule.class)
    }

    /// `id@version`, as patches name it.
    pub fn key(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// All remedies of a catalog.
#[derive(Debug)]
pub struct RemedySet {
    remedies: BTreeMap<String, Remedy>,
    digest: Digest,
}

impl RemedySet {
    /// Reads `remedies/`; other files are not its business. A later file of the same id replaces an earlier one.
    pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Vec<DocumentError>> {
        let (mut remedies, mut problems) = (BTreeMap::new(), Vec::new());
        let mut hasher = FieldHasher::new("ligase.remedies.v1");
        for (path, bytes) in files {
            if !path.starts_with("remedies/") {
                continue;
            }
            hasher = hasher.field(path).field(bytes);
            match read_one::<RemedyDocument>(path, bytes, API_VERSION, "Remedy").and_then(|d| compile(path, d)) {
                Ok(remedy) => {
                    remedies.insert(remedy.id.clone(), remedy);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Self { remedies, digest: hasher.finish() }) } else { Err(problems) }
    }

    /// A remedy by its id.
    pub fn get(&self, id: &str) -> Option<&Remedy> {
        self.remedies.get(id)
    }

    /// All of them by id.
    pub fn iter(&self) -> impl Iterator<Item = &Remedy> {
        self.remedies.values()
    }

    /// The digest of all files: part of a remedy task's identity.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn compile(path: &str, document: RemedyDocument) -> Result<Remedy, DocumentError> {
    let at = |code: &str, text: &Placed<String>, problem: String| DocumentError::at(code, path, text.place, problem);
    let expression = |text: &Option<Placed<String>>| {
        text.as_ref().map(|t| Expression::compile(t).map_err(|e| at("E-REMEDY-EXPRESSION", t, e))).transpose()
    };
    let RemedyDocument { metadata, spec, .. } = document;
    let clause = ClauseId::parse(&spec.clause)
        .ok_or_else(|| at("E-REMEDY-CLAUSE", &spec.clause, "expected constraint/clause".to_owned()))?;
    let expected =
        path.strip_prefix("remedies/").and_then(|p| p.strip_suffix(".yaml")).unwrap_or(path).replacen('.', "/", 1);
    if metadata.id.value != expected || !metadata.id.starts_with(&format!("{clause}/")) {
        let problem = format!("the file's name makes the id {expected}");
        return Err(at("E-REMEDY-ID", &metadata.id, problem));
    }
    let mut needs = BTreeMap::new();
    for (name, need) in &spec.needs {
        needs.insert(name.clone(), compile_need(path, name, need, expression(&need.filter)?)?);
    }
    let mut edits = Vec::new();
    for (number, edit) in spec.edits.iter().enumerate() {
        edits.push(compile_edit(path, number, edit, &needs, expression(&edit.filter)?)?);
    }
    let mut abstain = Vec::new();
    for rule in &spec.abstain {
        let when = expression(&rule.when)?;
        abstain.push(Abstain { when, reason: rule.reason.value.clone(), detail: rule.detail.clone() });
    }
    let mut effects = Vec::new();
    for rule in &spec.effects {
        let class = EffectClass::parse(&rule.class)
            .ok_or_else(|| at("E-REMEDY-EFFECT", &rule.class, format!("no effect is called {}", rule.class.value)))?;
        let note = if rule.plan.is_empty() { rule.who_notices.clone() } else { rule.plan.clone() };
        if note.is_empty() && class != EffectClass::InPlace {
            let problem = "say who notices, or what the plan is".to_owned();
            return Err(at("E-REMEDY-EFFECT", &rule.class, problem));
        }
        effects.push(EffectRule { when: expression(&rule.when)?, class, note });
    }
    if edits.is_empty() && abstain.iter().all(|a| a.when.is_some()) {
        return Err(DocumentError::whole("E-REMEDY-EMPTY", path, "it neither edits nor always abstains"));
    }
    Ok(Remedy {
        id: metadata.id.value,
        version: metadata.version,
        clause,
        statement: spec.statement,
        when: expression(&spec.when)?,
        abstain,
        needs,
        effects,
        edits,
        expect: expression(&spec.expect)?,
        budget: spec.budget.unwrap_or(BUDGET),
    })
}

fn compile_need(path: &str, name: &str, need: &NeedSpec, filter: Option<Expression>) -> Result<Need, DocumentError> {
    let source = match (&need.kind, &need.symbols, &need.beside, need.written) {
        (Some(kind), None, None, None) => NeedSource::Kind { kind: kind.clone(), used_by: need.used_by.clone() },
        (None, Some(witness), None, None) => NeedSource::Symbols(witness.clone()),
        (None, None, Some(witness), Some(form)) => NeedSource::Beside(witness.clone(), form),
        _ => {
            let problem = format!("need {name}: give one of `kind`, `symbols`, and `beside` with `written`");
            return Err(DocumentError::whole("E-REMEDY-NEED", path, problem));
        }
    };
    let reason = |r: &Option<Placed<String>>| r.as_ref().map(|r| r.value.clone());
    Ok(Need { source, filter, none: reason(&need.none), several: reason(&need.several), same_names: need.same_names })
}

fn compile_edit(
    path: &str,
    number: usize,
    edit: &VerbSpec,
    needs: &BTreeMap<String, Need>,
    filter: Option<Expression>,
) -> Result<Edit, DocumentError> {
    let refuse =
        |problem: String| DocumentError::whole("E-REMEDY-EDIT", path, format!("edit {}: {problem}", number + 1));
    let mut verbs: Vec<Verb> = Vec::new();
    verbs.extend(edit.replace.clone().map(Verb::Replace));
    verbs.extend(edit.insert_line.clone().map(Verb::InsertLine));
    verbs.extend(edit.remove.clone().map(Verb::Remove));
    verbs.extend(edit.set_key.clone().map(Verb::SetKey));
    verbs.extend(edit.ensure_import.clone().map(Verb::EnsureImport));
    verbs.extend(edit.ensure_parameter.clone().map(Verb::EnsureParameter));
    verbs.extend(edit.ensure_argument.clone().map(Verb::EnsureArgument));
    verbs.extend(edit.before_handler.clone().map(Verb::BeforeHandler));
    verbs.extend(edit.chain_call.clone().map(Verb::ChainCall));
    verbs.extend(edit.wrap.clone().map(Verb::Wrap));
    let (Some(verb), None) = (verbs.pop(), verbs.pop()) else {
        return Err(refuse("give exactly one verb".to_owned()));
    };
    let named = edit.found.iter().chain(&edit.not_found);
    for need in named.chain(if let Verb::EnsureImport(i) = &verb { i.need.as_ref() } else { None }) {
        if !needs.contains_key(need) {
            return Err(refuse(format!("no need is called {need}")));
        }
    }
    let whole = match &verb {
        Verb::InsertLine(i) => i.after.is_some() != i.before.is_some(),
        Verb::EnsureArgument(a) => a.value.is_some() != a.element.is_some(),
        Verb::EnsureImport(i) => i.need.is_some() != (i.symbol.is_some() && i.from.is_some()),
        Verb::Remove(r) => r.out_of.is_some() == r.instead.is_some(),
        _ => true,
    };
    if !whole {
        return Err(refuse("its places do not fit together".to_owned()));
    }
    let each = match &edit.each {
        None => None,
        Some(list) => Some(
            list.strip_prefix("it.").ok_or_else(|| refuse("`each` names a list as it.list".to_owned()))?.to_owned(),
        ),
    };
    let found = edit.found.clone().map(|n| (n, true)).or_else(|| edit.not_found.clone().map(|n| (n, false)));
    Ok(Edit { found, each, filter, verb })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(spec: &str) -> Result<RemedySet, Vec<DocumentError>> {
        let text = format!(
            "apiVersion: ligase.dev/v1\nkind: Remedy\nmetadata: {{ id: a/b/python, version: 1 }}\nspec:\n{spec}"
        );
        RemedySet::load([("remedies/a/b.python.yaml", text.as_bytes())])
    }

    const WHOLE: &str = "  for: a/b\n  statement: it does\n  effects: [{ class: in-place }]\n";

    #[test]
    fn a_remedy_is_read_and_has_the_default_budget() {
        let set = load(&format!("{WHOLE}  edits: [{{ wrap: {{ of: value, with: mask }} }}]\n")).unwrap();
        let remedy = set.get("a/b/python").unwrap();
        assert_eq!((remedy.key().as_str(), remedy.budget), ("a/b/python@1", BUDGET));
    }

    #[test]
    fn what_is_wrong_in_a_remedy_is_an_error_of_the_catalog() {
        for (spec, code) in [
            (
                format!("{WHOLE}  edits: [{{ wrap: {{ of: value, with: mask }}, remove: {{ of: value }} }}]\n"),
                "E-REMEDY-EDIT",
            ),
            (format!("{WHOLE}  edits: [{{ ensure-import: {{ need: guard, as: g }} }}]\n"), "E-REMEDY-EDIT"),
            (format!("{WHOLE}  edits: [{{ each: values, remove: {{ of: value }} }}]\n"), "E-REMEDY-EDIT"),
            (format!("{WHOLE}  when: 'it.'\n  edits: [{{ remove: {{ of: value }} }}]\n"), "E-REMEDY-EXPRESSION"),
            (WHOLE.to_owned(), "E-REMEDY-EMPTY"),
            (WHOLE.replace("in-place", "harmless"), "E-REMEDY-EFFECT"),
            (WHOLE.replace("in-place", "behaviour"), "E-REMEDY-EFFECT"),
            (WHOLE.replace("a/b", "a"), "E-REMEDY-CLAUSE"),
            (WHOLE.replace("for: a/b", "for: a/c"), "E-REMEDY-ID"),
            (format!("{WHOLE}  edit: []\n"), "E-REMEDY-UNKNOWN-KEY"),
        ] {
            let problems = load(&spec).unwrap_err();
            assert_eq!(problems[0].code, code, "{spec}");
        }
    }
}
