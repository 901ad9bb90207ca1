//! What files of TypeScript and JavaScript become.

use crate::code::lower::lower;
use crate::code::model::{ExprKind, Module, Stmt, StmtKind, Symbol};

fn with(text: &str, then: impl Fn(&Module<'_>)) {
    let mut ran = false;
    lower("typescript", text, &mut |module| {
        ran = true;
        then(module);
    })
    .expect("within the budgets");
    assert!(ran);
}

/// `target = dotted value` of every assignment, in order.
fn assignments(body: &[Stmt<'_>]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for stmt in body {
        match &stmt.kind {
            StmtKind::Assign { target, value, .. } => {
                let dotted = |e: &crate::code::model::Expr<'_>| e.dotted().map_or("?".to_owned(), |d| d.into_owned());
                out.push((dotted(target), value.as_ref().map_or("-".to_owned(), dotted)));
            }
            StmtKind::Block { bodies, .. } => bodies.iter().for_each(|b| out.extend(assignments(b))),
            _ => {}
        }
    }
    out
}

#[test]
fn imports_and_exports_of_both_systems() {
    let text = "import express, { Router as R } from 'express';\nimport * as path from \"path\";\nimport './side';\nimport type { A } from './a';\nimport fs = require('fs');\nconst { auth, roles: { admin } } = require('../middleware');\nconst b = require('./b').c;\nexport { R as Router };\nexport * from './all';\nexport { x as y } from './x';\nexport default app;\nexport const one = 1, two = 2;\nmodule.exports = { login, out: inner.fn };\nexports.three = f;\n";
    with(text, |module| {
        let imports: Vec<String> = module
            .imports
            .iter()
            .map(|i| match &i.symbol {
                Symbol::Name(name) => format!("{} = {}#{name}", i.local, i.module),
                Symbol::Default => format!("{} = {}#default", i.local, i.module),
                Symbol::Whole => format!("{} = {}", i.local, i.module),
                Symbol::All => format!("* = {}", i.module),
            })
            .collect();
        let expected = [
            "express = express#default",
            "R = express#Router",
            "path = path",
            " = ./side",
            "A = ./a#A",
            "fs = fs#default",
            "auth = ../middleware#auth",
            "b = ./b#c",
            "* = ./all",
            "y = ./x#x",
        ];
        for one in expected {
            assert!(imports.iter().any(|i| i == one), "{one} in {imports:?}");
        }
        let exports: Vec<String> = module.exports.iter().map(|(a, b)| format!("{a}={b}")).collect();
        for one in [
            "Router=R",
            "*=./all",
            "y=y",
            "default=app",
            "one=one",
            "two=two",
            "login=login",
            "out=inner.fn",
            "three=f",
        ] {
            assert!(exports.iter().any(|e| e == one), "{one} in {exports:?}");
        }
    });
}

#[test]
fn patterns_bind_each_name_with_where_it_comes_from() {
    let text = "function f({ user, body: { token = '' } }, ...rest) {\n  const { email, profile: { ssn: s } } = req.body;\n  const [first] = await load();\n  for (const p of people) { q = p.name; }\n}\n";
    with(text, |module| {
        let StmtKind::Function(function) = &module.body[0].kind else { panic!("{module:?}") };
        assert_eq!(function.params.iter().map(|p| p.name).collect::<Vec<_>>(), ["", "rest"]);
        let expected = [
            ("user", "-"),
            ("token", "-"),
            ("email", "req.body.email"),
            ("s", "req.body.profile.ssn"),
            ("first", "?"),
            ("p", "?"),
            ("q", "p.name"),
        ];
        let found = assignments(&function.body);
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    });
}

#[test]
fn classes_keep_decorators_fields_and_what_a_constructor_makes() {
    let text = "@Controller('users')\n@UseGuards(AuthGuard('jwt'), Roles)\nexport class UsersController extends Base<User> implements A, B {\n  @Column({ type: 'text' }) ssn?: string;\n  constructor(private readonly users: UserService, @Inject(X) y: Y) { super(); }\n  @Get(':id')\n  @Public()\n  async one(@Param('id') id: string, @Req() req): Promise<User> { return this.users.one(id) }\n  #secret() {}\n}\n";
    with(text, |module| {
        let StmtKind::Class(class) = &module.body[0].kind else { panic!("{module:?}") };
        assert_eq!(class.name, "UsersController");
        assert_eq!(class.bases.iter().map(|b| b.name.as_ref()).collect::<Vec<_>>(), ["Base", "A", "B"]);
        let names = |a: &[crate::code::model::Annotation<'_>]| a.iter().map(|a| a.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&class.annotations), ["Controller", "UseGuards"]);
        assert_eq!(class.annotations[1].args[0].value.call().unwrap().args[0].value.text(), Some("jwt"));
        assert_eq!(class.fields.iter().map(|f| f.name).collect::<Vec<_>>(), ["ssn", "users"]);
        assert_eq!(class.fields[1].ty.as_ref().unwrap().name, "UserService");
        let one = &class.methods[1];
        assert_eq!((one.name, names(&one.annotations)), ("one", vec!["Get".to_owned(), "Public".to_owned()]));
        assert_eq!(one.returns.as_ref().unwrap().args[0].name, "User");
        assert_eq!(names(&one.params[0].annotations), ["Param"]);
        assert!(class.methods[2].private);
    });
}

#[test]
fn texts_calls_and_choices() {
    let text = "log.info(`user ${user.email} of ${n}`, { email, id: user.id, ...rest }, 'a' + b.c + \"d\", x ?? y, (await f(z))!.w as string);\nconst app = require('express')();\nconst View = () => <p title={name}>{user.ssn}</p>;\n";
    with(text, |module| {
        let StmtKind::Expr(expr) = &module.body[0].kind else { panic!("{module:?}") };
        let call = expr.call().unwrap();
        assert_eq!(call.callee.dotted().unwrap(), "log.info");
        assert!(
            matches!(&call.args[0].value.kind, ExprKind::Template(p) if p.len() == 4 && p[1].dotted().unwrap() == "user.email")
        );
        assert!(matches!(&call.args[1].value.kind, ExprKind::Object(p) if p.len() == 3 && p[2].0.is_none()));
        assert!(matches!(&call.args[2].value.kind, ExprKind::Concat(p) if p.len() == 3));
        assert!(matches!(&call.args[3].value.kind, ExprKind::Choice(p) if p.len() == 2));
        assert!(matches!(&call.args[4].value.kind, ExprKind::Same(Some(t), _) if t.name == "string"));
        let StmtKind::Assign { value: Some(value), .. } = &module.body[1].kind else { panic!("{module:?}") };
        let outer = value.call().unwrap();
        assert!(outer.callee.call().is_some_and(|c| c.args[0].value.text() == Some("express")));
        let StmtKind::Assign { value: Some(value), .. } = &module.body[2].kind else { panic!("{module:?}") };
        assert!(matches!(&value.kind, ExprKind::Function(f) if f.body.len() == 1));
    });
}
