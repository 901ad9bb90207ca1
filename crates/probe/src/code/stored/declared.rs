//! One stored attribute as a file declares it, and the fact that is made of it where its name says that it holds classified
//! data. Next: `jpa.rs`, `typeorm.rs`, `mongoose.rs`, `gorm.rs`.

use super::{owner_words, protects};
use crate::code::Reading;
use crate::code::names::cut;
use crate::emit::{Attributes, Emit, texts};
use crate::vocabulary::words;
use ligase_domain::Span;
use std::collections::BTreeMap;

/// A stored attribute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub owner: String,
    pub name: String,
    /// The type as written, for people.
    pub ty: String,
    pub store: &'static str,
    /// The column's own name, where it has one.
    pub column: String,
    /// What decides what becomes of the value: converters, transformers, setters, custom types. Their words count here,
    /// what they do is linked.
    pub through: Vec<String>,
    /// Whether the type has to be known: a type of the language's own or a library's that stores what it is given has not.
    pub named_type: Option<String>,
    pub binary: bool,
    /// Encrypted or hashed by what stands in the declaration itself.
    pub says: Option<(&'static str, String)>,
    /// Something decides that cannot be read.
    pub unclear: bool,
    pub at: Span,
    pub ty_at: Option<Span>,
    pub owner_at: Span,
}

impl Declared {
    /// The fact, where the name says that it holds classified data.
    pub(super) fn emit(self, reading: &Reading<'_, '_>, out: &mut Emit<'_>) {
        let vocabulary = reading.vocabulary;
        let last = self.name.rsplit('.').next().unwrap_or(&self.name);
        let (before, _) = self.name.rsplit_once('.').unwrap_or(("", ""));
        let owner = format!("{} {before}", owner_words(&self.owner));
        let Some(hit) = vocabulary.classes.classify(last, owner.trim()) else { return };
        let lists = &vocabulary.encryption;
        if lists.no_text_types.iter().any(|t| t == self.ty.rsplit('.').next().unwrap_or_default()) {
            return;
        }
        let name: Vec<String> = words(last).into_iter().chain(words(&self.column)).collect();
        let named = |list: &[String]| name.iter().any(|w| list.contains(w));
        let by_name =
            if named(&lists.name_hashes) { Some("hashed") } else { named(&lists.name_encrypts).then_some("yes") };
        let by_name = by_name.map(|d| (d, last.to_owned()));
        let by_words = || self.through.iter().find_map(|t| Some((protects(vocabulary, t)?, t.clone())));
        let (encrypted, by) = self.says.clone().or(by_name).or_else(by_words).unwrap_or(("", String::new()));
        let attributes = Attributes::default()
            .with("owner", cut(&self.owner))
            .with("name", cut(&self.name))
            .with("class", hit.class)
            .with("confidence", hit.confidence)
            .some("strict", hit.strict)
            .with("type", cut(&self.ty))
            .with("store", self.store)
            .some("says", encrypted)
            .some("by", cut(&by))
            .some("through", texts(self.through.iter().take(6).map(|t| cut(t))))
            .some("named", self.named_type.as_deref().map(cut).unwrap_or_default())
            .some("binary", self.binary)
            .some("unclear", self.unclear);
        let mut anchors = BTreeMap::from([("field".to_owned(), self.at), ("owner".to_owned(), self.owner_at)]);
        anchors.extend(self.ty_at.map(|at| ("type".to_owned(), at)));
        out.put("code-field", "code/data-field", self.at, attributes, anchors, true);
    }
}
