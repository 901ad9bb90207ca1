//! Django and its REST framework: from URL tables and routers to endpoints, with the permissions, mixins, decorators and
//! settings that stand before each view. A default that no settings file of the repository says is AllowAny, as the
//! framework has it; where there are no settings at all it is not known. Next: `permissions.rs`, `tables.rs`.

mod permissions;
mod tables;

use super::Out;
use super::endpoints::value;
use super::guards::{Guard, Guards, Kind, Verdict};
use super::routers::{Hung, push};
use super::views::{self, ANSWERS, lineage, method, setting};
use super::world::{Facts, MODULE, Target, World};
use crate::python::emit::Attributes;
use crate::python::syntax::last;
use ligase_domain::{Seen, Span, Value};
use permissions::Permissions;
use std::collections::{BTreeMap, BTreeSet};
use tables::{Tables, Way, joined, without_regex};

/// Endpoints of one revision; more are not told one by one.
const MAX_ENDPOINTS: usize = 20_000;
/// Actions of a view set: name, method, whether it is about one object.
const ACTIONS: &[(&str, &str, bool)] = &[
    ("list", "GET", false),
    ("create", "POST", false),
    ("retrieve", "GET", true),
    ("update", "PUT", true),
    ("partial_update", "PATCH", true),
    ("destroy", "DELETE", true),
];
/// What bases from outside answer: the end of their name, with methods or actions.
const BASES: &[(&str, &[&str])] = &[
    ("ReadOnlyModelViewSet", &["list", "retrieve"]),
    ("ModelViewSet", &["list", "create", "retrieve", "update", "partial_update", "destroy"]),
    ("ListModelMixin", &["list"]),
    ("CreateModelMixin", &["create"]),
    ("RetrieveModelMixin", &["retrieve"]),
    ("UpdateModelMixin", &["update", "partial_update"]),
    ("DestroyModelMixin", &["destroy"]),
    ("RetrieveUpdateDestroyAPIView", &["get", "put", "patch", "delete"]),
    ("RetrieveUpdateAPIView", &["get", "put", "patch"]),
    ("RetrieveDestroyAPIView", &["get", "delete"]),
    ("ListCreateAPIView", &["get", "post"]),
    ("CreateAPIView", &["post"]),
    ("ListAPIView", &["get"]),
    ("RetrieveAPIView", &["get"]),
    ("UpdateAPIView", &["put", "patch"]),
    ("DestroyAPIView", &["delete"]),
    ("ListView", &["get"]),
    ("DetailView", &["get"]),
    ("TemplateView", &["get"]),
    ("CreateView", &["get", "post"]),
    ("UpdateView", &["get", "post"]),
    ("DeleteView", &["get", "post"]),
    ("FormView", &["get", "post"]),
    ("ArchiveIndexView", &["get"]),
];

/// Emits the endpoints of Django's views.
pub(super) fn emit(world: &World<'_, '_>, out: &mut Out<'_, '_, '_>) {
    let guards = Guards::new(world);
    let tables = Tables::new(world);
    if tables.is_empty() {
        return;
    }
    let permissions = Permissions::new(world, &guards);
    let mut reading = Reading { world, guards: &guards, permissions, told: 0, out };
    for (file, entry) in tables.views() {
        for way in tables.ways(file, entry.str("table")) {
            reading.entry(file, entry, &way);
        }
    }
    for (file, entry) in tables.registered() {
        for way in tables.ways_of_router(file, entry) {
            reading.registered(file, entry, &way);
        }
    }
    for (file, entry, what) in tables.outside() {
        reading.unmodelled(file, entry, &what);
    }
}

/// A class that answers, with what was found of it.
struct Class {
    own: Vec<(usize, String)>,
    outside: Vec<String>,
    name: String,
    rest: bool,
}

/// One way into a view.
struct Answer<'f> {
    method: String,
    path: String,
    handler: String,
    /// Where it is written, if it lies here.
    seen: Option<(usize, &'f Seen)>,
    hung: Vec<Hung>,
    files: BTreeSet<usize>,
    reason: &'static str,
    role: Option<&'static str>,
    stack: &'static str,
}

struct Reading<'r, 'o, 'a, 'b, 'w, 'v, 'f> {
    world: &'w World<'v, 'f>,
    guards: &'r Guards<'w, 'v, 'f>,
    permissions: Permissions<'r, 'w, 'v, 'f>,
    told: usize,
    out: &'r mut Out<'o, 'a, 'b>,
}

impl<'f> Reading<'_, '_, '_, '_, '_, '_, 'f> {
    /// An entry of a URL table that names a view.
    fn entry(&mut self, file: usize, entry: &'f Seen, way: &Way) {
        let (path, constant) = self.world.text(file, MODULE, entry.list("path"), 0);
        let path = if entry.flag("regex") { without_regex(&path) } else { super::endpoints::without_converters(&path) };
        let full = joined(&way.prefix, &path);
        let reason = match (constant, entry.flag("development")) {
            (false, _) => "path-not-a-constant",
            (true, true) if way.reason.is_empty() => "mounted-for-development",
            _ => way.reason,
        };
        let class = entry.str("class");
        let name = if class.is_empty() { entry.str("symbol") } else { class };
        let target = self.world.follow(self.world.resolve(file, MODULE, name));
        let answers = match &target {
            Target::Class(f, c) | Target::Instance(f, c) => self.class(*f, c, entry, &full, None),
            Target::Function(f, n) => self.function(*f, n, &full),
            Target::External(dotted) if matches!(last(dotted), "TemplateView" | "RedirectView") => {
                vec![Answer {
                    method: "GET".to_owned(),
                    path: full.clone(),
                    handler: last(dotted).to_owned(),
                    seen: None,
                    hung: Vec::new(),
                    files: BTreeSet::new(),
                    reason: "",
                    role: Some("static"),
                    stack: "django",
                }]
            }
            // The framework's own log-in and log-out pages, and its admin, which asks by itself.
            Target::External(dotted) if dotted.starts_with("django.contrib") || dotted.starts_with("admin.") => return,
            _ => {
                self.unmodelled(file, entry, &format!("view {name}"));
                return;
            }
        };
        for mut answer in answers {
            for wrapper in entry.list("wrappers").iter().filter_map(Value::as_map) {
                push(&mut answer.hung, self.guards.decorator(file, MODULE, wrapper), "decorator", false);
            }
            if answer.reason.is_empty() {
                answer.reason = reason;
            }
            self.tell(file, entry, answer, &way.files);
        }
    }

    /// A view set that a router was given.
    fn registered(&mut self, file: usize, entry: &'f Seen, way: &Way) {
        let (path, constant) = self.world.text(file, entry.str("scope"), entry.list("path"), 0);
        let base = format!("{}/", joined(&way.prefix, &without_regex(&path)).trim_end_matches('/'));
        let target = self.world.follow(self.world.resolve(file, entry.str("scope"), entry.str("class")));
        let (Target::Class(f, c) | Target::Instance(f, c)) = target else {
            self.unmodelled(file, entry, &format!("view set {}", entry.str("class")));
            return;
        };
        let answers = self.class(f, &c, entry, &base, Some(&base));
        for mut answer in answers {
            if answer.reason.is_empty() {
                answer.reason = if constant { way.reason } else { "path-not-a-constant" };
            }
            self.tell(file, entry, answer, &way.files);
        }
    }

    fn class(&self, file: usize, class: &str, entry: &Seen, full: &str, router: Option<&str>) -> Vec<Answer<'f>> {
        let (own, outside) = lineage(self.world, file, class);
        let rest = outside.iter().any(|b| {
            b.contains("rest_framework")
                || b.contains("drf")
                || last(b).ends_with("ViewSet")
                || last(b).ends_with("APIView")
        });
        let class = Class { own, outside, name: class.to_owned(), rest };
        let allowed: Option<Vec<String>> =
            ["http_method_names"].iter().find_map(|n| setting(self.world, &class.own, n)).map(|(_, _, s)| {
                s.list("items").iter().filter_map(Value::as_map).map(|i| i.str("text").to_uppercase()).collect()
            });
        let is_allowed = |m: &str| allowed.as_ref().is_none_or(|a| a.iter().any(|x| x == m));
        let mut out = Vec::new();
        let from_bases: BTreeSet<&str> = class
            .outside
            .iter()
            .flat_map(|b| BASES.iter().find(|(name, _)| last(b).ends_with(name)).map(|(_, m)| *m).unwrap_or_default())
            .copied()
            .collect();
        let named = entry.list("actions").iter().filter_map(Value::as_map).collect::<Vec<_>>();
        if router.is_some() || !named.is_empty() {
            let wanted: Vec<(String, String, bool)> = if named.is_empty() {
                ACTIONS.iter().map(|(a, m, one)| ((*a).to_owned(), (*m).to_owned(), *one)).collect()
            } else {
                named.iter().map(|n| (n.str("action").to_owned(), n.str("method").to_owned(), false)).collect()
            };
            for (action, method_name, one) in wanted.into_iter().filter(|(_, m, _)| is_allowed(m)) {
                let seen = method(self.world, &class.own, &action);
                if seen.is_none() && !from_bases.contains(action.as_str()) {
                    continue;
                }
                let key = setting(self.world, &class.own, "lookup_field").map_or("pk", |_| "pk");
                let path = if one { format!("{}/{{{key}}}/", full.trim_end_matches('/')) } else { full.to_owned() };
                out.push(self.answer(&class, &action, &method_name, path, seen, None));
            }
            if router.is_some() {
                self.extra_actions(&class, full, &is_allowed, &mut out);
            }
        } else {
            for (name, answers) in ANSWERS.iter().filter(|(_, m)| is_allowed(m) && *m != "OPTIONS" && *m != "HEAD") {
                let seen = method(self.world, &class.own, name);
                if seen.is_some() || from_bases.contains(name) {
                    out.push(self.answer(&class, name, answers, full.to_owned(), seen, None));
                }
            }
        }
        if out.is_empty() {
            let mut answer = self.answer(
                &class,
                "dispatch",
                "ANY",
                full.to_owned(),
                method(self.world, &class.own, "dispatch"),
                None,
            );
            answer.reason = "view-not-resolved";
            out.push(answer);
        }
        out
    }

    /// Methods of a view set that are made ways in by `@action`.
    fn extra_actions(&self, class: &Class, full: &str, is_allowed: &dyn Fn(&str) -> bool, out: &mut Vec<Answer<'f>>) {
        let mut known = BTreeSet::new();
        for (file, name) in &class.own {
            let prefix = format!("{name}.");
            for (function, seen) in self.world.files[*file].functions.iter().filter(|(n, _)| n.starts_with(&prefix)) {
                let decorators = seen.list("decorators").iter().filter_map(Value::as_map);
                let Some(action) = decorators
                    .into_iter()
                    .find(|d| matches!(last(d.str("symbol")), "action" | "detail_route" | "list_route"))
                else {
                    continue;
                };
                let short = last(function);
                if !known.insert(short.to_owned()) {
                    continue;
                }
                let said =
                    |n: &str| action.list("settings").iter().filter_map(Value::as_map).find(|s| s.str("name") == n);
                let first = |n: &str| {
                    said(n)
                        .and_then(|s| s.list("items").first())
                        .and_then(Value::as_map)
                        .map(|i| i.str("text").to_owned())
                };
                let one = first("detail").is_some_and(|d| d == "True") || last(action.str("symbol")) == "detail_route";
                let url = first("url_path").unwrap_or_else(|| short.to_owned());
                let base = full.trim_end_matches('/');
                let path = if one {
                    format!("{base}/{{pk}}/{}/", without_regex(&url))
                } else {
                    format!("{base}/{}/", without_regex(&url))
                };
                let methods: Vec<String> = said("methods")
                    .map(|s| {
                        s.list("items").iter().filter_map(Value::as_map).map(|i| i.str("text").to_uppercase()).collect()
                    })
                    .unwrap_or_default();
                let methods = if methods.is_empty() { vec!["GET".to_owned()] } else { methods };
                let own = said("permission_classes");
                for method_name in methods.iter().filter(|m| is_allowed(m)) {
                    let at = Some((*file, (*function).to_owned(), *seen));
                    out.push(self.answer(class, short, method_name, path.clone(), at, own));
                }
            }
        }
    }

    fn answer(
        &self,
        class: &Class,
        name: &str,
        method_name: &str,
        path: String,
        seen: Option<(usize, String, &'f Seen)>,
        own: Option<&BTreeMap<String, Value>>,
    ) -> Answer<'f> {
        let (mut hung, mut files): (Vec<Hung>, BTreeSet<usize>) = Default::default();
        files.extend(class.own.iter().map(|(f, _)| *f));
        let mut reason = "";
        if class.rest {
            reason = self.permissions.of_view(&class.own, method_name, own, &mut hung, &mut files);
        }
        for base in &class.outside {
            self.permissions.base(base, &mut hung);
        }
        self.class_decorators(class, name, &mut hung, &mut files);
        for before in ["dispatch", "initial"] {
            for (f, c) in &class.own {
                let function = format!("{c}.{before}");
                let Some(seen) = self.world.files[*f].functions.get(function.as_str()).copied() else { continue };
                self.decorators(*f, seen, "", &mut hung, &mut files);
                push(&mut hung, self.guards.runs_before(*f, &function), "class", false);
                // What it is made from has its turn where it is called.
                if !seen.texts("calls").chain(seen.texts("passes")).any(|n| n.starts_with("super()")) {
                    break;
                }
            }
        }
        if let Some((f, function, seen)) = &seen {
            self.decorators(*f, seen, "", &mut hung, &mut files);
            self.inside(*f, function, seen, &mut hung);
        }
        if !class.rest {
            self.permissions.middleware(class.own.first().map_or(0, |c| c.0), &mut hung, &mut files);
        }
        let handler = seen.as_ref().map_or_else(|| format!("{}.{name}", class.name), |(_, n, _)| n.clone());
        let class_seen =
            || class.own.first().and_then(|(f, c)| Some((*f, *self.world.files[*f].classes.get(c.as_str())?)));
        let place = seen.map(|(f, _, s)| (f, s)).or_else(class_seen);
        let stack = if class.rest { "drf" } else { "django" };
        Answer { method: method_name.to_owned(), path, handler, seen: place, hung, files, reason, role: None, stack }
    }

    /// `@method_decorator(login_required, name="dispatch")` on the class or on one that it inherits from.
    fn class_decorators(&self, class: &Class, name: &str, hung: &mut Vec<Hung>, files: &mut BTreeSet<usize>) {
        for (file, own) in &class.own {
            let Some(seen) = self.world.files[*file].classes.get(own.as_str()) else { continue };
            for wrapper in seen.list("wrappers").iter().filter_map(Value::as_map) {
                let about = wrapper.str("name");
                if last(wrapper.str("symbol")) == "method_decorator"
                    && (about.is_empty() || about == "dispatch" || about == name)
                {
                    self.handed(*file, wrapper, hung, files);
                }
            }
        }
    }

    /// The decorators that `method_decorator` was handed.
    fn handed(
        &self,
        file: usize,
        wrapper: &BTreeMap<String, Value>,
        hung: &mut Vec<Hung>,
        files: &mut BTreeSet<usize>,
    ) {
        for inner in wrapper.list("args").iter().filter_map(Value::as_map) {
            let verdict = self.guards.decorator(file, MODULE, inner);
            files.extend(&verdict.files);
            push(hung, verdict, "decorator", false);
        }
        if wrapper.flag("args_opaque") {
            push(hung, views::unknown("method_decorator"), "decorator", false);
        }
    }

    fn decorators(&self, file: usize, seen: &Seen, leave: &str, hung: &mut Vec<Hung>, files: &mut BTreeSet<usize>) {
        for decorator in seen.list("decorators").iter().filter_map(Value::as_map) {
            let name = last(decorator.str("symbol"));
            if name == "method_decorator" {
                self.handed(file, decorator, hung, files);
            } else if name != leave
                && !matches!(
                    name,
                    "action"
                        | "detail_route"
                        | "list_route"
                        | "permission_classes"
                        | "api_view"
                        | "extend_schema"
                        | "swagger_auto_schema"
                )
            {
                let verdict = self.guards.decorator(file, MODULE, decorator);
                files.extend(&verdict.files);
                push(hung, verdict, "decorator", false);
            }
        }
    }

    /// A handler that looks at who asks: whoever turns strangers away before anything else guards itself; one that refuses
    /// somewhere has a guard that is not recognised, never none; one that only asks may answer everybody otherwise.
    fn inside(&self, file: usize, function: &str, seen: &Seen, hung: &mut Vec<Hung>) {
        let symbol = || self.world.symbol(&Target::Function(file, function.to_owned()));
        let asks = seen.str("asks");
        if asks != "first" && seen.flag("credential") && seen.has("refuses") {
            push(hung, views::unknown(&symbol()), "decorator", false);
        } else if !asks.is_empty() {
            let guard =
                Guard { symbol: symbol(), kind: Kind::Authentication, optional: asks != "first", scheme: false };
            push(hung, Verdict::of(guard), "handler", false);
        }
    }

    fn function(&self, file: usize, name: &str, full: &str) -> Vec<Answer<'f>> {
        let Some(seen) = self.world.files[file].functions.get(name).copied() else { return Vec::new() };
        let (mut hung, mut files): (Vec<Hung>, BTreeSet<usize>) = (Vec::new(), BTreeSet::from([file]));
        let decorators: Vec<&BTreeMap<String, Value>> =
            seen.list("decorators").iter().filter_map(Value::as_map).collect();
        let found = |n: &str| decorators.iter().find(|d| last(d.str("symbol")) == n).copied();
        let texts = |d: &BTreeMap<String, Value>| -> Vec<String> {
            d.list("args")
                .iter()
                .filter_map(Value::as_map)
                .map(|i| i.str("text").to_uppercase())
                .filter(|t| !t.is_empty())
                .collect()
        };
        let rest = found("api_view");
        let mut methods = match (rest, found("require_http_methods")) {
            (Some(d), _) | (None, Some(d)) => texts(d),
            (None, None) if found("require_POST").is_some() => vec!["POST".to_owned()],
            (None, None) if found("require_GET").is_some() || found("require_safe").is_some() => vec!["GET".to_owned()],
            (None, None) => vec!["ANY".to_owned()],
        };
        if methods.is_empty() {
            methods.push("GET".to_owned());
        }
        self.decorators(file, seen, "", &mut hung, &mut files);
        self.inside(file, name, seen, &mut hung);
        if rest.is_none() {
            self.permissions.middleware(file, &mut hung, &mut files);
        }
        methods
            .into_iter()
            .take(9)
            .map(|method_name| {
                let (mut hung, mut files, mut reason) = (hung.clone(), files.clone(), "");
                if rest.is_some() {
                    let own = found("permission_classes").map(|d| {
                        Attributes::default()
                            .with("items", d.list("args").to_vec())
                            .with("opaque", d.flag("args_opaque"))
                            .0
                    });
                    reason = self.permissions.of_function(file, &method_name, own.as_ref(), &mut hung, &mut files);
                }
                let stack = if rest.is_some() { "drf" } else { "django" };
                Answer {
                    method: method_name,
                    path: full.to_owned(),
                    handler: name.to_owned(),
                    seen: Some((file, seen)),
                    hung,
                    files,
                    reason,
                    role: None,
                    stack,
                }
            })
            .collect()
    }

    fn tell(&mut self, file: usize, entry: &'f Seen, answer: Answer<'f>, files: &BTreeSet<usize>) {
        self.told += 1;
        if self.told > MAX_ENDPOINTS {
            return;
        }
        let vocabulary = self.world.vocabulary;
        let role = answer.role.unwrap_or_else(|| match answer.method.as_str() {
            "ANY" => [vocabulary.role("POST", &answer.path, ""), vocabulary.role("GET", &answer.path, "")]
                .into_iter()
                .find(|r| *r != "none")
                .unwrap_or("none"),
            method_name => vocabulary.role(method_name, &answer.path, ""),
        });
        let mut guards: Vec<Hung> = Vec::new();
        for hung in answer.hung {
            // What is said to be for everybody by a name that is known stays to be seen.
            let counts = hung.guard.kind != Kind::Other
                || (hung.from != "middleware" && vocabulary.known_guards.contains_key(&hung.guard.symbol));
            if counts && guards.len() < 24 && !guards.iter().any(|g| g.guard == hung.guard) {
                guards.push(hung);
            }
        }
        let attributes = Attributes::default()
            .with("language", "python")
            .with("stack", answer.stack)
            .with("method", answer.method.as_str())
            .with("path", answer.path.as_str())
            .with("full_path", answer.path.as_str())
            .with("handler", answer.handler.as_str())
            .with("role", role)
            .with("guards", guards.iter().map(value).collect::<Vec<_>>())
            .with("chain", if answer.reason.is_empty() { "resolved" } else { "unresolved" })
            .with("chain_reason", answer.reason)
            .some("does", answer.seen.map(|(_, s)| s.str("does")).unwrap_or_default());
        let (place_file, place) = answer.seen.unwrap_or((file, entry));
        let mut anchors: BTreeMap<String, Span> = BTreeMap::new();
        if answer.seen.is_some() {
            anchors.insert("handler".to_owned(), place.span);
        }
        if place_file == file {
            anchors.extend(entry.anchors.get("route").map(|s| ("route".to_owned(), *s)));
        }
        let class = answer.handler.rsplit_once('.').map_or("", |(c, _)| c);
        let class_seen = self.world.files[place_file].classes.get(class);
        anchors.extend(class_seen.map(|s| ("class".to_owned(), s.span)));
        let files = answer.files.iter().chain(files).chain([&file]).copied().collect();
        self.out.put("endpoint", place_file, place, attributes, anchors, files);
    }

    fn unmodelled(&mut self, file: usize, entry: &Seen, looks_like: &str) {
        let shown: String = looks_like.chars().take(120).collect();
        let attributes = Attributes::default()
            .with("language", "python")
            .with("stack", "django")
            .with("of", "endpoint")
            .with("looks_like", shown)
            .with("where", MODULE);
        self.out.put("unmodelled", file, entry, attributes, BTreeMap::new(), BTreeSet::new());
    }
}
