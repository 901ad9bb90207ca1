//! What files of Java become.

use crate::code::lower::lower;
use crate::code::lower::shown::{show, shown};
use crate::code::model::{Annotation, Class, Module, StmtKind, Symbol, Type};

fn with(text: &str, then: impl Fn(&Module<'_>)) {
    let mut ran = false;
    lower("java", text, &mut |module| {
        ran = true;
        then(module);
    })
    .expect("within the budgets");
    assert!(ran);
}

fn class<'m, 't>(module: &'m Module<'t>, name: &str) -> &'m Class<'t> {
    let found = module.body.iter().find_map(|s| match &s.kind {
        StmtKind::Class(class) if class.name == name => Some(class),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{name} in {module:?}"))
}

fn annotated(list: &[Annotation<'_>]) -> Vec<String> {
    let arg = |a: &crate::code::model::Arg<'_>| a.name.map_or(String::new(), |n| format!("{n}=")) + &show(&a.value);
    let one = |a: &Annotation<'_>| format!("@{}({})", a.name, a.args.iter().map(arg).collect::<Vec<_>>().join(", "));
    list.iter().map(one).collect()
}

fn ty(of: &Type<'_>) -> String {
    let args: Vec<String> = of.args.iter().map(ty).collect();
    if args.is_empty() { of.name.to_string() } else { format!("{}<{}>", of.name, args.join(",")) }
}

/// The body of the one method of `class A` around it.
fn method(body: &str) -> Vec<String> {
    let text = format!("class A {{ void f() {{ {body} }} }}");
    let mut out = Vec::new();
    lower("java", &text, &mut |module| {
        assert!(module.errors.is_empty(), "{module:?}");
        out = shown(&class(module, "A").methods[0].body);
    })
    .expect("within the budgets");
    out
}

#[test]
fn packages_and_imports() {
    let text = "package org.clinic.api;\nimport org.slf4j.Logger;\nimport java.util.*;\nimport static org.clinic.Keys.HEADER;\nimport static org.junit.Assert.*;\npublic class Api {}\n";
    with(text, |module| {
        assert_eq!(module.package, "org.clinic.api");
        let imports: Vec<(&str, &str, bool)> =
            module.imports.iter().map(|i| (i.local, i.module.as_ref(), i.symbol == Symbol::All)).collect();
        let expected = [
            ("Logger", "org.slf4j", false),
            ("", "java.util", true),
            ("HEADER", "org.clinic.Keys", false),
            ("", "org.junit.Assert", true),
        ];
        assert_eq!(imports, expected);
        assert_eq!(module.exports.len(), 1);
    });
}

#[test]
fn classes_keep_annotations_with_named_and_array_arguments() {
    let text = "@Slf4j @Entity\n@Table(name = \"patients\", indexes = { @Index(columnList = \"mrn\") })\n@RequestMapping({\"/a\", BASE + \"/b\"})\npublic class Patient extends Base<Long> implements Serializable, Comparable<Patient> {\n  @Column(nullable = false) @Convert(converter = SsnConverter.class)\n  private String ssn, other = \"x\";\n  static final Logger log = LoggerFactory.getLogger(Patient.class);\n  static { boot(); }\n  public Patient(@Value(\"${k}\") final String key, List<? extends Note>... rest) { this.key = key; }\n  @GetMapping(\"/{id}\") public <T> ResponseEntity<List<T>> one(@PathVariable Long id) throws IOException { return null; }\n  private void hidden() {}\n  static class Builder { String mrn; }\n  enum Kind { A(\"a\"), B { void x() {} }; private final String code; Kind(String c) { code = c; } }\n}\n";
    with(text, |module| {
        let patient = class(module, "Patient");
        assert_eq!(
            patient.bases.iter().map(ty).collect::<Vec<_>>(),
            ["Base<Long>", "Serializable", "Comparable<Patient>"]
        );
        let expected = [
            "@Slf4j()",
            "@Entity()",
            "@Table(name='patients', indexes=[Index('mrn')])",
            "@RequestMapping(['/a' +(BASE '/b')])",
        ];
        assert_eq!(annotated(&patient.annotations), expected);
        assert_eq!(patient.fields.iter().map(|f| f.name).collect::<Vec<_>>(), ["ssn", "other", "log"]);
        let column = ["@Column(nullable=false)", "@Convert(converter=SsnConverter.class)"];
        assert_eq!(annotated(&patient.fields[0].annotations), column);
        assert_eq!(show(patient.fields[2].value.as_ref().unwrap()), "LoggerFactory.getLogger(Patient.class)");
        let [boot, made, one, hidden] = patient.methods.as_slice() else { panic!("{patient:?}") };
        assert_eq!(shown(&boot.body), ["boot()"]);
        assert_eq!((made.name, shown(&made.body)), ("Patient", vec!["this.key = key".to_owned()]));
        let params: Vec<_> = made.params.iter().map(|p| format!("{} {}", ty(p.ty.as_ref().unwrap()), p.name)).collect();
        assert_eq!(params, ["String key", "[]<List<Note>> rest"]);
        assert_eq!(annotated(&made.params[0].annotations), ["@Value('${k}')"]);
        assert_eq!(ty(one.returns.as_ref().unwrap()), "ResponseEntity<List<T>>");
        assert_eq!(annotated(&one.params[0].annotations), ["@PathVariable()"]);
        assert!(hidden.private && !one.private);
        let [builder, kind] = patient.inner.as_slice() else { panic!("{patient:?}") };
        assert_eq!((builder.name, builder.fields[0].name), ("Builder", "mrn"));
        assert_eq!(kind.fields.iter().map(|f| f.name).collect::<Vec<_>>(), ["A", "B", "code"]);
        assert_eq!(show(kind.fields[0].value.as_ref().unwrap()), "Kind('a')");
        assert_eq!(kind.inner[0].methods[0].name, "x");
    });
}

#[test]
fn records_interfaces_and_annotation_types() {
    let text = "public record Login(@NotBlank String user, @Masked String password) implements Body { Login { check(user); } }\ninterface Repo extends JpaRepository<User, Long> { String TABLE = \"t\"; Optional<User> findByEmail(String email); default void x() { y(); } }\n@interface Guarded { String[] value() default {}; }\n";
    with(text, |module| {
        let login = class(module, "Login");
        let fields: Vec<_> =
            login.fields.iter().map(|f| format!("{:?} {}", annotated(&f.annotations), f.name)).collect();
        assert_eq!(fields, ["[\"@NotBlank()\"] user", "[\"@Masked()\"] password"]);
        assert_eq!(
            (login.bases[0].name.as_ref(), shown(&login.methods[0].body)),
            ("Body", vec!["check(user)".to_owned()])
        );
        let repo = class(module, "Repo");
        assert!(repo.shape_only && !login.shape_only);
        assert_eq!((ty(&repo.bases[0]), repo.fields[0].name), ("JpaRepository<User,Long>".to_owned(), "TABLE"));
        assert_eq!(repo.methods.iter().map(|m| m.name).collect::<Vec<_>>(), ["findByEmail", "x"]);
        assert_eq!(class(module, "Guarded").methods[0].name, "value");
    });
}

#[test]
fn texts_calls_casts_and_choices() {
    let body = r#"
        log.info("user {} " + u.getEmail() + 1, id, (String) token);
        String a = String.format("%s", ok ? x : y), b;
        var t = """
            line""";
        users.stream().map(User::getSsn).forEach(System.out::println);
        Supplier<User> s = User::new;
        handler = (req, res) -> { res.send(req.body); };
        f(u -> u.name(), () -> 1);
        new Thread(new Runnable() { public void run() { go(); } }).start();
        int[] n = new int[] { 1, 2 };
        m[0] += "z";
        this.token = super.make();
        char c = 'c';
    "#;
    let expected = [
        "log.info(+('user {} ' u.getEmail() 1), id, <String>token)",
        "a String := String.format('%s', or(x y))",
        "b String := -",
        "t := '            line'",
        "users.stream().map(User.getSsn).forEach(System.out.println)",
        "s Supplier := User.new",
        "handler = fn/1",
        "f(fn/1, fn/1)",
        "Thread(Runnable(class )).start()",
        "n [] := [1 2]",
        "m[0] = +(m[0] 'z')",
        "this.token = this.make()",
        "c char := 'c'",
    ];
    assert_eq!(method(body), expected);
}

#[test]
fn blocks_bind_where_they_are_seen() {
    let body = r#"
        try (var in = open(p); Reader r = wrap(in)) { read(r); } catch (IOException | SqlException e) { log(e); } finally { done(); }
        for (Card c : cards) { use(c); }
        for (int i = 0; i < 3; i++) { use(i); }
        if (!(x instanceof User u) || u.off()) { return; } else if (y) { a(); } else { b(); }
        synchronized (lock) { c(); }
        do { d(); } while (e);
        throw new Denied(msg);
    "#;
    let expected = [
        "Try",
        "  in := open(p)",
        "  r Reader := wrap(in)",
        "  read(r)",
        "-",
        "  e IOException := -",
        "  log(e)",
        "-",
        "  done()",
        "Loop cards",
        "  c Card := other(cards)",
        "  use(c)",
        "Loop cmp(i 3)",
        "  i int := 0",
        "  use(i)",
        "  cmp(i)",
        "u User := <User>x",
        "If cmp(cmp(cmp(x)) u.off())",
        "  return ",
        "-",
        "  If y",
        "    a()",
        "  -",
        "    b()",
        "Plain lock",
        "  c()",
        "Loop e",
        "  d()",
        "throw Denied(msg)",
    ];
    assert_eq!(method(body), expected);
}

#[test]
fn switches_as_statements_and_as_values() {
    let body = r#"
        switch (kind) { case "a": case "b": one(); break; default: two(); }
        switch (shape) { case Card c when c.live() -> use(c); case Pair(String l, var r) -> use(l, r); default -> { none(); } }
        String s = switch (k) { case 1 -> first; case 2 -> { log(k); yield second; } default -> throw new Bad(); };
        return switch (o) { case User u -> u.email(); default -> null; };
    "#;
    let expected = [
        "Switch kind 'a' 'b'",
        "-",
        "  one()",
        "-",
        "  two()",
        "Switch shape c.live()",
        "  c Card := <Card>shape",
        "  use(c)",
        "-",
        "  l String := other(shape)",
        "  r := other(shape)",
        "  use(l, r)",
        "-",
        "  none()",
        "s String := or(first fn/2() fn/1())",
        "return or(fn/2() nil)",
    ];
    assert_eq!(method(body), expected);
}
