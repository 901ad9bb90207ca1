//! The form of the vocabulary's documents. Only form: what the lists mean is said in `mod.rs`, `classify.rs` and `python/`.

use serde::Deserialize;
use std::collections::BTreeMap;

macro_rules! documents {
    ($($(#[doc = $doc:literal])* $name:ident($spec:ty);)*) => {$(
        $(#[doc = $doc])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            #[serde(rename = "apiVersion")]
            _api_version: String,
            #[serde(rename = "kind")]
            _kind: String,
            #[allow(dead_code)]
            pub(crate) metadata: Metadata,
            pub(crate) spec: $spec,
        }
    )*};
}

documents! {
    /// `vocabulary/data-classes.yaml`.
    DataClasses(DataClassesSpec);
    /// `vocabulary/log-sinks.yaml`.
    LogSinks(LogSinksSpec);
    /// `vocabulary/sanitizers.yaml`.
    Sanitizers(SanitizersSpec);
    /// `vocabulary/guards.yaml`.
    Guards(GuardsSpec);
    /// `vocabulary/endpoint-roles.yaml`.
    EndpointRoles(EndpointRolesSpec);
    /// `vocabulary/encryption.yaml`.
    Encryption(EncryptionSpec);
    /// `stacks.yaml`.
    Stacks(StacksSpec);
}

/// `kinds/<kind>.yaml`, of which only the id is read here; `policy` reads the rest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindDocument {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: Metadata,
    #[serde(rename = "spec")]
    _spec: serde::de::IgnoredAny,
}

/// What names a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) id: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct DataClassesSpec {
    pub(crate) owners: BTreeMap<String, Vec<String>>,
    pub(crate) terms: Vec<Term>,
    pub(crate) types: Vec<TypeTerm>,
    pub(crate) exclude: Exclude,
    pub(crate) plain_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Term {
    pub(crate) class: String,
    pub(crate) confidence: i64,
    pub(crate) needs: Option<String>,
    /// Owners whose word it is for something else: the full name of a language.
    #[serde(default, rename = "not-of")]
    pub(crate) not_of: Option<String>,
    #[serde(default)]
    pub(crate) strict: bool,
    pub(crate) words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeTerm {
    pub(crate) names: Vec<String>,
    pub(crate) class: String,
    pub(crate) confidence: i64,
    #[serde(default)]
    pub(crate) masked: bool,
    #[serde(default)]
    pub(crate) strict: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exclude {
    pub(crate) last: Vec<String>,
    pub(crate) first: Vec<String>,
    pub(crate) phrases: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct LogSinksSpec {
    pub(crate) loggers: Vec<LoggerStack>,
    pub(crate) names: Vec<String>,
    pub(crate) levels: BTreeMap<String, String>,
    pub(crate) context_methods: Vec<String>,
    pub(crate) chain_methods: Vec<String>,
    pub(crate) argument_names_ignored: Vec<String>,
    pub(crate) functions: Vec<SinkFunctions>,
    pub(crate) methods: Vec<SinkMethods>,
    pub(crate) opaque: Opaque,
    pub(crate) producers: Vec<String>,
    pub(crate) exceptions: Vec<String>,
    /// Of the languages that share a model, by `typescript`, `java`, `go`.
    pub(crate) languages: BTreeMap<String, LanguageSinks>,
}

/// What writes to a log in one language.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct LanguageSinks {
    /// Calls, imports and types that are a logger, by library.
    pub(crate) loggers: Vec<LoggerStack>,
    /// Last names of receivers that are a logger wherever they come from.
    pub(crate) names: Vec<String>,
    /// What a nameless logger is said to be of.
    pub(crate) unknown: String,
    pub(crate) levels: BTreeMap<String, String>,
    /// Methods that hand the logger on; what they take is written with every later message.
    pub(crate) chain_methods: Vec<String>,
    pub(crate) functions: Vec<SinkFunctions>,
    pub(crate) methods: Vec<SinkMethods>,
    /// Functions that name a value and hand it on: `zap.String("email", email)`.
    pub(crate) fields: Vec<String>,
    /// Types that hold only what calls told them that are sinks by themselves: the user of an error tracker.
    pub(crate) holders: Vec<String>,
}

impl LanguageSinks {
    fn merge(&mut self, other: Self) {
        self.loggers.extend(other.loggers);
        self.names.extend(other.names);
        self.levels.extend(other.levels);
        self.chain_methods.extend(other.chain_methods);
        self.functions.extend(other.functions);
        self.methods.extend(other.methods);
        self.fields.extend(other.fields);
        self.holders.extend(other.holders);
        if !other.unknown.is_empty() {
            self.unknown = other.unknown;
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoggerStack {
    pub(crate) stack: String,
    /// `logger` where it is not said.
    #[serde(default)]
    pub(crate) sink: Option<String>,
    pub(crate) symbols: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkFunctions {
    pub(crate) sink: String,
    pub(crate) stack: String,
    pub(crate) level: Option<String>,
    pub(crate) symbols: Vec<String>,
    /// Only where the first argument is one of these, which is then no value: `fmt.Fprintf(os.Stderr, …)`.
    #[serde(default)]
    pub(crate) first: Vec<String>,
    /// Only where the status among the arguments, or beside what is returned, is that of an error.
    #[serde(default)]
    pub(crate) failing: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkMethods {
    pub(crate) sink: String,
    pub(crate) stack: String,
    pub(crate) level: Option<String>,
    /// The last name of the receiver; "*" for any, "*Counter" for any that ends so.
    #[serde(default)]
    pub(crate) receivers: Vec<String>,
    pub(crate) names: Vec<String>,
    /// The file must import one of these modules.
    #[serde(default)]
    pub(crate) imports: Vec<String>,
    /// Or what the call gives must be asked for one of these: `.labels(…).inc()`.
    #[serde(default)]
    pub(crate) then: Vec<String>,
    /// Calls and types that make the receiver, whatever it is called.
    #[serde(default)]
    pub(crate) made: Vec<String>,
    /// Last names of calls that make something else of the same name: `document.createElement("span")`.
    #[serde(default, rename = "not-made")]
    pub(crate) not_made: Vec<String>,
    /// The type that the first argument must be of.
    #[serde(default)]
    pub(crate) first: Vec<String>,
    /// Methods that hand the receiver on: `Counter.builder(…).description(…).tag(…)`.
    #[serde(default)]
    pub(crate) chain: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Opaque {
    pub(crate) names: Vec<String>,
    pub(crate) attributes: Vec<String>,
    pub(crate) attribute_owners: Vec<String>,
    pub(crate) objects: Vec<String>,
    pub(crate) calls: Vec<String>,
    pub(crate) methods: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct SanitizersSpec {
    pub(crate) sanitizers: Vec<String>,
    pub(crate) hashes: Hashes,
    pub(crate) neutral: Vec<String>,
    pub(crate) pass_through: PassThrough,
    pub(crate) neutral_attributes: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Hashes {
    pub(crate) words: Vec<String>,
    pub(crate) accepted_for: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PassThrough {
    pub(crate) functions: Vec<String>,
    pub(crate) methods: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct GuardsSpec {
    pub(crate) schemes: Vec<String>,
    pub(crate) other_modules: Vec<String>,
    pub(crate) read_open: Vec<String>,
    pub(crate) known: Vec<Known>,
    pub(crate) verifiers: Vec<String>,
    pub(crate) credential_parameters: Vec<String>,
    pub(crate) credential_attributes: Vec<String>,
    pub(crate) credential_globals: Vec<String>,
    pub(crate) optional_when: Vec<OptionalWhen>,
    pub(crate) refusals: BTreeMap<String, String>,
    pub(crate) exceptions: BTreeMap<String, Vec<String>>,
    /// Status codes, their names, and exceptions that say: too many.
    pub(crate) too_many: Vec<String>,
    /// Milliseconds that a name from outside stands for, or that a function of it makes of one.
    pub(crate) quantities: BTreeMap<String, i64>,
    /// Functions that give the number that they are given.
    pub(crate) conversions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) optional: bool,
    pub(crate) symbols: Vec<String>,
    /// Where a rate limit takes its numbers.
    #[serde(default)]
    pub(crate) rates: Vec<RateSpec>,
    /// Annotations that take it away.
    #[serde(default)]
    pub(crate) off: Vec<String>,
}

/// Where the numbers of a rate limit stand. A path is steps into arguments: `0.windowMs` is a field of the first one, `0.1` the
/// second argument of the call that is the first one, `*` each part.
#[derive(Deserialize, Default, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct RateSpec {
    /// Not its own arguments: those of this annotation, or of this call where its module is set up.
    pub(crate) annotation: String,
    pub(crate) configured: String,
    /// The first of several paths that is there.
    pub(crate) limit: Vec<String>,
    pub(crate) window: Vec<String>,
    /// A text that says both: `5/minute`.
    pub(crate) rate: Vec<String>,
    /// Of a plain number in `window`: `ms` or `s`.
    pub(crate) unit: String,
    /// The window, where the library knows only one.
    pub(crate) per_ms: i64,
    /// What holds where nothing is said.
    pub(crate) default_limit: Option<i64>,
    pub(crate) default_window_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptionalWhen {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EndpointRolesSpec {
    pub(crate) before: String,
    pub(crate) roles: Vec<Role>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Role {
    pub(crate) role: String,
    pub(crate) methods: Vec<String>,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) parameters: bool,
    #[serde(default)]
    pub(crate) exact: bool,
    /// What the handler is called, too: the last part of its name, whole.
    #[serde(default)]
    pub(crate) handler: String,
}

/// What encrypts or hashes a value before it is stored, by the words of its name.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct EncryptionSpec {
    pub(crate) encrypts: Vec<String>,
    pub(crate) hashes: Vec<String>,
    pub(crate) binary_types: Vec<String>,
    pub(crate) no_text_types: Vec<String>,
    pub(crate) plain_modules: Vec<String>,
    pub(crate) hashing_types: Vec<String>,
    pub(crate) name_encrypts: Vec<String>,
    pub(crate) name_hashes: Vec<String>,
    pub(crate) undoes: Vec<String>,
    pub(crate) plain_types: Vec<String>,
    pub(crate) on_the_way_in: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StacksSpec {
    pub(crate) stacks: Vec<Stack>,
}

/// A framework or library: how it is recognised and whether its subjects are modelled.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) modelled: bool,
    #[serde(default)]
    pub(crate) imports: Vec<String>,
    #[serde(default)]
    pub(crate) applications: Vec<String>,
    #[serde(default)]
    pub(crate) routers: Vec<String>,
    /// Terraform providers that make it; read by the Terraform pack.
    #[serde(default, rename = "providers")]
    pub(crate) _providers: Vec<String>,
}

macro_rules! merge_lists {
    ($spec:ident: $($list:ident),*) => {
        impl $spec {
            /// Adds another document's lists to this one's.
            pub(crate) fn merge(&mut self, other: Self) {
                $(self.$list.extend(other.$list);)*
            }
        }
    };
}

merge_lists!(GuardsSpec: schemes, other_modules, read_open, known, verifiers, credential_parameters, credential_attributes, credential_globals, optional_when, refusals, exceptions, too_many, quantities, conversions);

merge_lists!(EncryptionSpec: encrypts, hashes, binary_types, no_text_types, plain_modules, hashing_types, name_encrypts, name_hashes, undoes, plain_types, on_the_way_in);

impl DataClassesSpec {
    pub(crate) fn merge(&mut self, other: Self) {
        for (owner, words) in other.owners {
            self.owners.entry(owner).or_default().extend(words);
        }
        self.terms.extend(other.terms);
        self.types.extend(other.types);
        self.exclude.last.extend(other.exclude.last);
        self.exclude.first.extend(other.exclude.first);
        self.exclude.phrases.extend(other.exclude.phrases);
        self.plain_types.extend(other.plain_types);
    }
}

impl LogSinksSpec {
    pub(crate) fn merge(&mut self, other: Self) {
        self.loggers.extend(other.loggers);
        self.names.extend(other.names);
        self.levels.extend(other.levels);
        self.context_methods.extend(other.context_methods);
        self.chain_methods.extend(other.chain_methods);
        self.argument_names_ignored.extend(other.argument_names_ignored);
        self.functions.extend(other.functions);
        self.methods.extend(other.methods);
        self.opaque.names.extend(other.opaque.names);
        self.opaque.attributes.extend(other.opaque.attributes);
        self.opaque.attribute_owners.extend(other.opaque.attribute_owners);
        self.opaque.objects.extend(other.opaque.objects);
        self.opaque.calls.extend(other.opaque.calls);
        self.opaque.methods.extend(other.opaque.methods);
        self.producers.extend(other.producers);
        self.exceptions.extend(other.exceptions);
        for (language, sinks) in other.languages {
            self.languages.entry(language).or_default().merge(sinks);
        }
    }
}

impl SanitizersSpec {
    pub(crate) fn merge(&mut self, other: Self) {
        self.sanitizers.extend(other.sanitizers);
        self.hashes.words.extend(other.hashes.words);
        self.hashes.accepted_for.extend(other.hashes.accepted_for);
        self.neutral.extend(other.neutral);
        self.pass_through.functions.extend(other.pass_through.functions);
        self.pass_through.methods.extend(other.pass_through.methods);
        self.neutral_attributes.extend(other.neutral_attributes);
    }
}
