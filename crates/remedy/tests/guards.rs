//! Guards that the neighbours of an endpoint have are hung before it in its file's own words, per framework; and everything
//! for which nothing is done.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;

const NODE: (&str, &str) =
    ("package.json", "{\"name\":\"depot\",\"dependencies\":{\"express\":\"4\",\"jsonwebtoken\":\"9\"}}\n");
const NODE_AUTH: &str = "const jwt = require('jsonwebtoken');\n\nfunction requireUser(req, res, next) {\n  try {\n    req.user = jwt.verify(req.headers.authorization, process.env.KEY);\n    next();\n  } catch (e) {\n    res.status(401).end();\n  }\n}\n\nmodule.exports = { requireUser };\n";
const EXPRESS: &str = "const express = require('express');\nconst { requireUser } = require('./auth');\nconst crates = require('./crates');\n\nconst app = express();\n\napp.get('/crates', requireUser, crates.list);\napp.get('/crates/:id', crates.one); // one\napp.put('/crates/:id', requireUser, crates.move);\napp.delete(\n  '/crates/:id',\n  crates.remove,\n);\n\napp.listen(8080);\n";

fn express(text: &str) -> Repo {
    Repo::new([NODE, ("src/auth.js", NODE_AUTH), ("src/crates.js", "module.exports = {};\n"), ("src/app.js", text)])
}

/// Patches all open endpoints and proves the result: byte by byte, through the whole gate.
fn patched(repo: &Repo, path: &str, expected: &str) {
    let proposal = repo.propose(GUARDED, &repo.open(GUARDED));
    let patch = proposal.patch.as_ref().unwrap_or_else(|| panic!("{:#?}", proposal.answers));
    let change = patch.changes.iter().find(|c| c.path == path.into()).unwrap();
    assert_eq!(String::from_utf8(change.bytes.clone()).unwrap(), expected);
    assert_accepted(&repo.gated(&proposal));
    // Nothing is left to do.
    let after = repo.after(patch);
    assert!(after.findings().all(|f| f.clause.to_string() != GUARDED || !f.is_open()));
}

fn reason(repo: &Repo) -> String {
    let open = repo.open(GUARDED);
    let proposal = repo.propose(GUARDED, &open);
    match proposal.answers.values().next().expect("one is open") {
        ligase_remedy::Answer::Abstained { reason, .. } => reason.clone(),
        ligase_remedy::Answer::Patched => "patched".to_owned(),
    }
}

#[test]
fn express_routes_take_the_guard_of_their_neighbours_behind_the_path() {
    for line_end in ["\n", "\r\n"] {
        let before = EXPRESS.replace('\n', line_end);
        let after = before
            .replace("'/crates/:id', crates.one", "'/crates/:id', requireUser, crates.one")
            .replace("  crates.remove,", &format!("  requireUser,{line_end}  crates.remove,"));
        patched(&express(&before), "src/app.js", &after);
    }
}

#[test]
fn nothing_is_done_where_the_neighbours_do_not_say_so() {
    let open = EXPRESS
        .replace("app.get('/crates', requireUser, ", "app.get('/crates', ")
        .replace("'/crates/:id',\n  crates.remove,", "'/crates/:id',\n  requireUser,\n  crates.remove,");
    assert_eq!(reason(&express(&open)), "no-guard-beside-it");
    let most = EXPRESS.replace("app.listen", "app.get('/rates', crates.rates);\napp.listen");
    let most = most.replace("'/crates/:id',\n  crates.remove,", "'/crates/:id',\n  requireUser,\n  crates.remove,");
    assert_eq!(reason(&express(&most)), "neighbours-are-open-too");
    let named = EXPRESS.replace("app.get('/crates/:id', crates.one)", "app.get('/crates/challenge/:id', crates.one)");
    let named = named.replace("'/crates/:id',\n  crates.remove,", "'/crates/:id',\n  requireUser,\n  crates.remove,");
    assert_eq!(reason(&express(&named)), "may-be-meant-open");
    let late = "const express = require('express');\nconst auth = require('./auth');\nconst crates = require('./crates');\n\nconst app = express();\n\nfunction first(app) {\n  app.get('/crates/:id', crates.one);\n}\nfunction second(app, guard) {\n  app.get('/crates', guard, crates.list);\n}\nfirst(app);\nsecond(app, auth.requireUser);\n";
    assert_eq!(reason(&express(late)), "guard-not-in-scope");
}

#[test]
fn a_flask_view_is_decorated_below_its_route() {
    let before = "from flask import Flask\nfrom flask_login import login_required\n\napp = Flask(__name__)\n\n\n@app.route(\"/lots\")\n@login_required\ndef lots():\n    return {}\n\n\n@app.route(\"/lots/<int:lot>\")\n@app.route(\"/lot/<int:lot>\")  # short\ndef lot(lot):\n    return {}\n";
    let after = before.replace("  # short\n", "  # short\n@login_required\n");
    patched(&Repo::new([("auction/app.py", before)]), "auction/app.py", &after);
    let above = before.replace("@app.route(\"/lots/<int:lot>\")", "@login_required\n@app.route(\"/lots/<int:lot>\")");
    assert_eq!(reason(&Repo::new([("auction/app.py", above.as_str())])), "guard-stands-in-another-place");
}

const NEST: (&str, &str) = (
    "package.json",
    "{\"dependencies\":{\"@nestjs/common\":\"10\",\"@nestjs/core\":\"10\",\"@nestjs/passport\":\"10\"}}\n",
);

fn nest(controller: &str) -> Repo {
    let guard = "import { Injectable } from '@nestjs/common';\nimport { AuthGuard } from '@nestjs/passport';\n\n@Injectable()\nexport class JwtGuard extends AuthGuard('jwt') {}\n";
    let main = "import { NestFactory } from '@nestjs/core';\nimport { AppModule } from './app.module';\n\nasync function bootstrap() {\n  const app = await NestFactory.create(AppModule);\n  await app.listen(3000);\n}\nbootstrap();\n";
    let module = "import { Module } from '@nestjs/common';\nimport { BedsController } from './beds.controller';\n\n@Module({ controllers: [BedsController] })\nexport class AppModule {}\n";
    Repo::new([
        NEST,
        ("src/main.ts", main),
        ("src/app.module.ts", module),
        ("src/jwt.guard.ts", guard),
        ("src/beds.controller.ts", controller),
    ])
}

const BEDS: &str = "import { Controller, Delete, Get, Param, Post, UseGuards } from '@nestjs/common';\nimport { JwtGuard } from './jwt.guard';\n\n@Controller('beds')\nexport class BedsController {\n  @UseGuards(JwtGuard)\n  @Get()\n  all() {\n    return [];\n  }\n\n  // one bed\n  @Get(':id')\n  one(@Param('id') id: string) {\n    return { id };\n  }\n\n  @UseGuards(JwtGuard)\n  @Post()\n  make() {\n    return {};\n  }\n}\n";

#[test]
fn a_method_of_nestjs_is_decorated_as_its_neighbours_are() {
    let after = BEDS.replace("  @Get(':id')", "  @UseGuards(JwtGuard)\n  @Get(':id')");
    patched(&nest(BEDS), "src/beds.controller.ts", &after);
    let marked = BEDS
        .replace("  @Get(':id')", "  @Public()\n  @Get(':id')")
        .replace("import { JwtGuard }", "import { Public } from './public';\nimport { JwtGuard }");
    assert_eq!(reason(&nest(&marked)), "marked-as-public");
}

const GIN: &str = "package main\n\nimport (\n\t\"github.com/gin-gonic/gin\"\n)\n\nfunc requireUser() gin.HandlerFunc {\n\treturn func(c *gin.Context) {\n\t\tif c.GetHeader(\"Authorization\") == \"\" {\n\t\t\tc.AbortWithStatus(401)\n\t\t\treturn\n\t\t}\n\t\tc.Next()\n\t}\n}\n\nfunc main() {\n\tr := gin.Default()\n\tr.GET(\"/claims\", requireUser(), list)\n\tr.GET(\"/claims/:id\", one)\n\tr.Run()\n}\n\nfunc list(c *gin.Context) { c.JSON(200, nil) }\nfunc one(c *gin.Context)  { c.JSON(200, nil) }\n";

#[test]
fn a_route_of_gin_takes_the_handler_of_its_neighbours() {
    let after = GIN.replace("\"/claims/:id\", one", "\"/claims/:id\", requireUser(), one");
    patched(&Repo::new([("go.mod", "module example.org/claims\n"), ("main.go", GIN)]), "main.go", &after);
}

const CHI: &str = "package main\n\nimport (\n\t\"net/http\"\n\n\t\"github.com/go-chi/chi/v5\"\n)\n\nfunc requireUser(next http.Handler) http.Handler {\n\treturn http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {\n\t\tif r.Header.Get(\"Authorization\") == \"\" {\n\t\t\thttp.Error(w, \"no\", http.StatusUnauthorized)\n\t\t\treturn\n\t\t}\n\t\tnext.ServeHTTP(w, r)\n\t})\n}\n\nfunc main() {\n\tr := chi.NewRouter()\n\tr.With(requireUser).Get(\"/rooms\", list)\n\tr.Get(\"/rooms/{id}\", one)\n\thttp.ListenAndServe(\":80\", r)\n}\n\nfunc list(w http.ResponseWriter, r *http.Request) {}\nfunc one(w http.ResponseWriter, r *http.Request)  {}\n";

#[test]
fn a_route_of_chi_is_registered_with_the_middleware_of_its_neighbours() {
    let after = CHI.replace("r.Get(\"/rooms/{id}\"", "r.With(requireUser).Get(\"/rooms/{id}\"");
    patched(&Repo::new([("go.mod", "module example.org/rooms\n"), ("main.go", CHI)]), "main.go", &after);
}

#[test]
fn a_method_of_spring_is_annotated_as_its_neighbours_are() {
    let security = "package org.depot;\n\nimport org.springframework.context.annotation.Bean;\nimport org.springframework.context.annotation.Configuration;\nimport org.springframework.security.config.annotation.method.configuration.EnableMethodSecurity;\nimport org.springframework.security.config.annotation.web.builders.HttpSecurity;\nimport org.springframework.security.web.SecurityFilterChain;\n\n@Configuration\n@EnableMethodSecurity\nclass Security {\n    @Bean\n    SecurityFilterChain chain(HttpSecurity http) throws Exception {\n        http.authorizeHttpRequests(a -> a.anyRequest().permitAll());\n        return http.build();\n    }\n}\n";
    let before = "package org.depot;\n\nimport org.springframework.security.access.prepost.PreAuthorize;\nimport org.springframework.web.bind.annotation.GetMapping;\nimport org.springframework.web.bind.annotation.RestController;\n\n@RestController\nclass Shelves {\n    @PreAuthorize(\"isAuthenticated()\")\n    @GetMapping(\"/shelves\")\n    String all() {\n        return \"\";\n    }\n\n    @GetMapping(\"/shelves/{id}\")\n    String one() {\n        return \"\";\n    }\n}\n";
    let after = before.replace(
        "    @GetMapping(\"/shelves/{id}\")",
        "    @PreAuthorize(\"isAuthenticated()\")\n    @GetMapping(\"/shelves/{id}\")",
    );
    let repo = Repo::new([
        ("pom.xml", "<project/>\n"),
        ("src/main/java/org/depot/Security.java", security),
        ("src/main/java/org/depot/Shelves.java", before),
    ]);
    patched(&repo, "src/main/java/org/depot/Shelves.java", &after);
}

#[test]
fn a_view_of_django_is_decorated_as_its_neighbours_are() {
    let urls = "from django.urls import path\n\nfrom fleet import views\n\nurlpatterns = [\n    path(\"vans/\", views.vans),\n    path(\"vans/<int:van>/\", views.van),\n]\n";
    let before = "from django.contrib.auth.decorators import login_required\nfrom django.http import JsonResponse\nfrom django.views.decorators.http import require_GET\n\n\n@login_required\n@require_GET\ndef vans(request):\n    return JsonResponse({})\n\n\n@require_GET\ndef van(request, van):\n    return JsonResponse({})\n";
    let settings = "ROOT_URLCONF = \"fleet.urls\"\nINSTALLED_APPS = [\"django.contrib.auth\"]\nMIDDLEWARE = []\n";
    let repo = Repo::new([
        ("fleet/urls.py", urls),
        ("fleet/views.py", before),
        ("fleet/settings.py", settings),
        ("manage.py", "import django\n"),
    ]);
    // It is the innermost: what else decorates the view may have to stand outside.
    let after = before.replace("@require_GET\ndef van(", "@require_GET\n@login_required\ndef van(");
    patched(&repo, "fleet/views.py", &after);
}

#[test]
fn who_is_known_is_not_enough_where_the_neighbours_ask_for_a_right() {
    let security = "from fastapi import Depends, HTTPException\nfrom fastapi.security import OAuth2PasswordBearer\n\nscheme = OAuth2PasswordBearer(tokenUrl=\"token\")\n\n\ndef get_current_user(token: str = Depends(scheme)):\n    user = decode(token)\n    if user is None:\n        raise HTTPException(status_code=401)\n    return user\n\n\ndef get_current_superuser(user=Depends(get_current_user)):\n    if not user.is_superuser:\n        raise HTTPException(status_code=403)\n    return user\n";
    let routes = |guard: &str| {
        format!(
            "from fastapi import Depends, FastAPI\n\nfrom app.security import {guard}\n\napp = FastAPI()\n\n\n@app.post(\"/crews\", dependencies=[Depends({guard})])\ndef add():\n    return {{}}\n\n\n@app.delete(\"/crews/{{crew}}\")\ndef remove(crew: int):\n    return {{}}\n"
        )
    };
    let of = |guard: &str| {
        let text = routes(guard);
        reason(&Repo::new([("app/security.py", security), ("app/__init__.py", ""), ("app/main.py", text.as_str())]))
    };
    assert_eq!(of("get_current_superuser"), "neighbours-ask-for-a-right");
    assert_eq!(of("get_current_user"), "patched");
}
