//! What files of Go become.

use crate::code::lower::lower;
use crate::code::lower::shown::{show, shown};
use crate::code::model::{BlockKind, Class, Module, Stmt, StmtKind, Symbol};

fn with(text: &str, then: impl Fn(&Module<'_>)) {
    let mut ran = false;
    lower("go", text, &mut |module| {
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

fn body<'m, 't>(module: &'m Module<'t>, name: &str) -> &'m [Stmt<'t>] {
    let found = module.body.iter().find_map(|s| match &s.kind {
        StmtKind::Function(function) if function.name == name => Some(&function.body),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{name} in {module:?}"))
}

#[test]
fn packages_and_imports_with_the_names_that_the_file_uses() {
    let text = "package api\n\nimport \"net/http\"\nimport (\n\tlog \"github.com/sirupsen/logrus\"\n\t\"github.com/go-chi/chi/v5\"\n\t\"gopkg.in/yaml.v3\"\n\t_ \"github.com/lib/pq\"\n\t. \"fmt\"\n\t\"github.com/mattn/go-sqlite3\"\n)\n\nvar Version, build = \"1\", 2\nconst (\n\tKey = \"k\"\n\tother\n)\n";
    with(text, |module| {
        assert_eq!(module.package, "api");
        let imports: Vec<(&str, &str, bool)> =
            module.imports.iter().map(|i| (i.local, i.module.as_ref(), i.symbol == Symbol::All)).collect();
        let expected = [
            ("http", "net/http", false),
            ("log", "github.com/sirupsen/logrus", false),
            ("chi", "github.com/go-chi/chi/v5", false),
            ("yaml", "gopkg.in/yaml.v3", false),
            ("", "github.com/lib/pq", false),
            ("", "fmt", true),
            ("sqlite3", "github.com/mattn/go-sqlite3", false),
        ];
        assert_eq!(imports, expected);
        assert_eq!(shown(&module.body), ["Version := '1'", "build := 2", "Key := 'k'", "other := -"]);
        let exports: Vec<&str> = module.exports.iter().map(|(a, _)| a.as_ref()).collect();
        assert_eq!(exports, ["Version", "Key"]);
    });
}

#[test]
fn structs_have_tags_bases_and_the_methods_of_the_file() {
    let text = "package m\n\nfunc (p *Patient) BeforeSave(tx *gorm.DB) (err error) { return }\n\ntype Patient struct {\n\tgorm.Model\n\t*Audit\n\tSSN, MRN string `gorm:\"size:11\" json:\"ssn\"`\n\tNotes []*Note\n\tMeta map[string]pgtype.Text\n\tCache Store[Patient]\n}\n\ntype Repo interface {\n\tFind(ctx context.Context, id int) (*Patient, error)\n\tio.Closer\n}\n\ntype Secret string\n\nfunc (s Secret) Value() (driver.Value, error) { return seal(string(s)), nil }\nfunc (o Other) Do(a, b int, rest ...string) {}\n";
    with(text, |module| {
        let patient = class(module, "Patient");
        assert_eq!(patient.bases.iter().map(|b| b.name.as_ref()).collect::<Vec<_>>(), ["gorm.Model", "Audit"]);
        let fields: Vec<(&str, String)> = patient
            .fields
            .iter()
            .map(|f| {
                let ty = f.ty.as_ref().unwrap();
                (f.name, format!("{} {:?}", ty.name, ty.args.iter().map(|a| a.name.as_ref()).collect::<Vec<_>>()))
            })
            .collect();
        let expected = [
            ("SSN", "string []"),
            ("MRN", "string []"),
            ("Notes", "[] [\"Note\"]"),
            ("Meta", "map [\"string\", \"pgtype.Text\"]"),
            ("Cache", "Store [\"Patient\"]"),
        ];
        assert_eq!(fields, expected.map(|(a, b)| (a, b.to_owned())));
        assert_eq!(patient.fields[1].tag, "gorm:\"size:11\" json:\"ssn\"");
        let hook = &patient.methods[0];
        assert_eq!((hook.name, hook.receiver.as_ref().unwrap().name), ("BeforeSave", "p"));
        assert_eq!(hook.params[0].ty.as_ref().unwrap().name, "gorm.DB");
        assert_eq!(shown(&hook.body), ["err error := -", "return "]);
        let repo = class(module, "Repo");
        assert!(repo.shape_only && repo.bases[0].name == "io.Closer");
        let results: Vec<_> = repo.methods[0].returns.as_ref().unwrap().args.iter().map(|t| t.name.as_ref()).collect();
        assert_eq!(results, ["Patient", "error"]);
        let secret = class(module, "Secret");
        assert_eq!(secret.bases[0].name, "string");
        assert_eq!(shown(&secret.methods[0].body), ["return [seal(<string>s) nil]"]);
        let StmtKind::Function(other) = &module.body.last().unwrap().kind else { panic!("{module:?}") };
        assert_eq!(other.params.iter().map(|p| p.name).collect::<Vec<_>>(), ["a", "b", "rest"]);
        assert_eq!(other.receiver.as_ref().unwrap().ty.as_ref().unwrap().name, "Other");
    });
}

#[test]
fn every_name_is_bound_with_its_part_of_the_value() {
    let text = "package m\nfunc f() {\n\tuser, err := repo.Find(ctx, id)\n\t_, token := parse(h), h[\"x\"]\n\tvar a, b string = c.D, \"e\"\n\tn, _ := w.Write([]byte(body))\n\t_ = close()\n\tu.Name, *p = x, y\n\ts += \"z\" + t\n\tvar q pkg.T\n\tv, ok := m[k].(*User)\n}\n";
    with(text, |module| {
        let expected = [
            "user := repo.Find(ctx, id)[0]",
            "err := repo.Find(ctx, id)[1]",
            "parse(h)",
            "token := h['x']",
            "a string := c.D",
            "b string := 'e'",
            "n := w.Write(<[]>body)[0]",
            "close()",
            "u.Name = x",
            "<>p = y",
            "s = +(s +('z' t))",
            "q pkg.T := -",
            "v := <User>m[k]",
            "ok := <User>m[k][1]",
        ];
        assert_eq!(shown(body(module, "f")), expected);
    });
}

#[test]
fn blocks_keep_what_is_asked_and_what_is_bound_before() {
    let text = "package m\nfunc f() {\n\tif u, err := get(); err != nil {\n\t\treturn nil, err\n\t} else if ok {\n\t\tgo run(u)\n\t} else {\n\t\tdefer func() { stop() }()\n\t}\n\tfor i, v := range users {\n\t\tlog.Println(v)\n\t}\n\tfor i := 0; i < n; i++ {\n\t}\n\tswitch x := y.(type) {\n\tcase *User:\n\t\tuse(x)\n\tdefault:\n\t\tskip()\n\t}\n\tswitch k {\n\tcase \"a\", \"b\":\n\t\tone()\n\t}\n\tselect {\n\tcase m := <-c:\n\t\tuse(m)\n\tcase c <- 1:\n\t}\n}\n";
    with(text, |module| {
        let expected = [
            "Plain",
            "  u := get()[0]",
            "  err := get()[1]",
            "  If cmp(err nil)",
            "    return [nil err]",
            "  -",
            "    If ok",
            "      run(u)",
            "    -",
            "      fn/1()",
            "Loop users",
            "  i := cmp(users)",
            "  v := other(users)",
            "  log.Println(v)",
            "Loop cmp(i n)",
            "  i := 0",
            "  cmp(i)",
            "Switch y",
            "  x User := <User>y",
            "  use(x)",
            "-",
            "  x := <>y",
            "  skip()",
            "Switch k 'a' 'b'",
            "  one()",
            "Switch",
            "  m := <>c",
            "  use(m)",
            "-",
            "  other(c 1)",
        ];
        assert_eq!(shown(body(module, "f")), expected);
    });
}

#[test]
fn literals_keep_their_type_and_calls_their_parts() {
    let text = "package m\nfunc f() {\n\tu := &User{Name: n, Card: Card{Number: \"4\"}}\n\tl := []Route{{Path: \"/a\"}, {\"/b\", h}}\n\tm := map[string]any{\"email\": u.Email, k.ID: 1}\n\tlog.Printf(\"%s\", args...)\n\tp := new(User)\n\tx := Map[string, User](list, func(u User) string { return u.Name })\n\tr.HandleFunc(`/raw`, (h))\n\te := time.Duration(5) * time.Second\n\tt := token[:4]\n\tb := a && !c\n}\n";
    with(text, |module| {
        let expected = [
            "u := <><User>{Name: n, Card: <Card>{Number: '4'}}",
            "l := <[]>[<Route>{Path: '/a'} <Route>['/b' h]]",
            "m := <map>{email: u.Email, k.ID: 1}",
            "log.Printf('%s', args...)",
            "p := new(User)",
            "x := Map(list, fn/1)",
            "r.HandleFunc('/raw', h)",
            "e := cmp(time.Duration(5) time.Second)",
            "t := other(token 4)",
            "b := cmp(a cmp(c))",
        ];
        assert_eq!(shown(body(module, "f")), expected);
    });
}

#[test]
fn a_value_that_is_bound_twice_holds_its_functions_once() {
    let mut text = "x".to_owned();
    for _ in 0..30 {
        text = format!("f(func() {{ a, b := {text} }})");
    }
    with(&format!("package m\nfunc g() {{ a, b := {text} }}\n"), |module| {
        let StmtKind::Assign { value: Some(second), .. } = &body(module, "g")[1].kind else { panic!("{module:?}") };
        assert_eq!(show(second), "f(other())[1]");
    });
}

#[test]
fn text_that_does_not_parse_keeps_what_does() {
    with("package m\nfunc f() { log.Println(a) }\nfunc g( {\nfunc h() { if x { y() } }\n", |module| {
        assert!(!module.errors.is_empty());
        assert_eq!(shown(body(module, "f")), ["log.Println(a)"]);
    });
    with("package m\nfunc f() { { a() } }\n", |module| {
        assert!(matches!(&body(module, "f")[0].kind, StmtKind::Block { kind: BlockKind::Plain, .. }));
    });
}
