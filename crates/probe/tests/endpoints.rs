//! Endpoints and what stands before them, over several files.
#![allow(clippy::unwrap_used)]

mod common;

use common::{endpoints, of, seen};
use ligase_domain::Value;

const SECURITY: &str = r#"
from fastapi import Depends, HTTPException, status
from fastapi.security import OAuth2PasswordBearer
from typing import Annotated
import jwt

oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
optional_scheme = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)

class User: ...

def current_user(token: str = Depends(oauth2_scheme)) -> User:
    try:
        return jwt.decode(token, "k")
    except jwt.PyJWTError:
        raise HTTPException(status_code=status.HTTP_401_UNAUTHORIZED)

def maybe_user(token: str | None = Depends(optional_scheme)) -> User | None:
    if token is None:
        return None
    return jwt.decode(token, "k")

def admin(user: User = Depends(current_user)) -> User:
    if not user.is_admin:
        raise HTTPException(status_code=403, detail="no")
    return user

def get_db():
    yield None

CurrentUser = Annotated[User, Depends(current_user)]
"#;

const MAIN: &str = r#"
from fastapi import FastAPI
from app.routers import patients, public
app = FastAPI()
app.include_router(patients.router, prefix="/api/v1")
app.include_router(public.router)
"#;

fn app(patients: &str, public: &str) -> Vec<String> {
    endpoints(&[
        ("app/__init__.py", ""),
        ("app/main.py", MAIN),
        ("app/security.py", SECURITY),
        ("app/routers/__init__.py", ""),
        ("app/routers/patients.py", patients),
        ("app/routers/public.py", public),
    ])
}

const PUBLIC: &str = "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/health')\ndef health(): ...\n";

#[test]
fn guards_are_followed_through_parameters_aliases_and_files() {
    let patients = r#"
from typing import Annotated
from fastapi import APIRouter, Depends
from app.security import current_user, maybe_user, admin, get_db, CurrentUser, oauth2_scheme
from .. import security as sec

router = APIRouter(prefix="/patients", tags=["p"])

@router.get("/open")
def open_(db=Depends(get_db)): ...

@router.get("/default")
def default(user=Depends(current_user)): ...

@router.get("/annotated")
async def annotated(user: Annotated[str, Depends(current_user)]): ...

@router.get("/alias")
def alias(user: CurrentUser): ...

@router.get("/relative", dependencies=[Depends(sec.current_user)])
def relative(): ...

@router.post("/admin")
def admin_only(user=Depends(admin)): ...

@router.get("/maybe")
def maybe(user=Depends(maybe_user)): ...

@router.get("/scheme")
def scheme(token: str = Depends(oauth2_scheme)): ...
"#;
    let user = "authentication app.security.current_user";
    assert_eq!(
        app(patients, PUBLIC),
        [
            format!("GET /api/v1/patients/alias [{user} (dependency)] resolved"),
            format!("GET /api/v1/patients/annotated [{user} (dependency)] resolved"),
            format!("GET /api/v1/patients/default [{user} (dependency)] resolved"),
            "GET /api/v1/patients/maybe [authentication? app.security.maybe_user (dependency)] resolved".to_owned(),
            "GET /api/v1/patients/open [other app.security.get_db (dependency)] resolved".to_owned(),
            format!("GET /api/v1/patients/relative [{user} (decorator)] resolved"),
            "GET /api/v1/patients/scheme [unknown app.security.oauth2_scheme (dependency)] resolved".to_owned(),
            "GET /health [] resolved".to_owned(),
            format!(
                "POST /api/v1/patients/admin [authorization app.security.admin (dependency), {user} (dependency)] resolved"
            ),
        ]
    );
}

/// Each case: a main file and the endpoints that it makes.
const SINGLE: &[(&str, &str, &[&str])] = &[
    (
        "a router's and an application's dependencies reach its routes",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom app.security import current_user, admin\n\
         app = FastAPI(dependencies=[Depends(current_user)])\nr = APIRouter(dependencies=[Depends(admin)])\n\
         @app.get('/a')\ndef a(): ...\n@r.get('/b')\ndef b(): ...\napp.include_router(r, prefix='/x')\n",
        &[
            "GET /a [authentication app.security.current_user (app)] resolved",
            "GET /x/b [authorization app.security.admin (router), authentication app.security.current_user (router)] resolved",
        ],
    ),
    (
        "what an inclusion depends on reaches the included",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom app.security import current_user\napp = FastAPI()\nr = APIRouter()\n\
         @r.get('/b')\ndef b(): ...\napp.include_router(r, prefix='/x', dependencies=[Depends(current_user)])\n",
        &["GET /x/b [authentication app.security.current_user (mount)] resolved"],
    ),
    (
        "a router that is included twice makes two endpoints",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom app.security import current_user\napp = FastAPI()\nr = APIRouter()\n\
         @r.get('/b')\ndef b(): ...\napp.include_router(r, prefix='/in', dependencies=[Depends(current_user)])\napp.include_router(r, prefix='/out')\n",
        &["GET /in/b [authentication app.security.current_user (mount)] resolved", "GET /out/b [] resolved"],
    ),
    (
        "a mounted application is not reached by what the outer one depends on",
        "from fastapi import FastAPI, Depends\nfrom app.security import current_user\napp = FastAPI(dependencies=[Depends(current_user)])\n\
         sub = FastAPI()\n@sub.get('/s')\ndef s(): ...\napp.mount('/sub', sub)\n",
        &["GET /sub/s [] resolved"],
    ),
    (
        "a router that nobody includes is unresolved",
        "from fastapi import APIRouter\nr = APIRouter(prefix='/r')\n@r.get('/b')\ndef b(): ...\n",
        &["GET /r/b [] unresolved: router-not-included"],
    ),
    (
        "a router may be included where it cannot be read",
        "from fastapi import FastAPI, APIRouter\nimport importlib\napp = FastAPI()\nr = APIRouter()\n@r.get('/b')\ndef b(): ...\n\
         app.include_router(MODULES['x'].router if x else y)\n",
        &["GET /b [] unresolved: router-included-dynamically"],
    ),
    (
        "a loop over a list of routers includes each",
        "from fastapi import FastAPI, APIRouter\napp = FastAPI()\na = APIRouter(prefix='/a')\nb = APIRouter(prefix='/b')\n\
         @a.get('')\ndef f(): ...\n@b.get('')\ndef g(): ...\nfor r in [a, b]:\n    app.include_router(r)\n",
        &["GET /a [] resolved", "GET /b [] resolved"],
    ),
    (
        "an application that a function makes and hands on is followed",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom app.security import current_user\nr = APIRouter()\n@r.get('/b')\ndef b(): ...\n\
         def register(api):\n    api.include_router(r, prefix='/v1')\ndef create_app():\n    app = FastAPI(dependencies=[Depends(current_user)])\n    register(app)\n\
         \n    @app.get('/inner')\n    def inner(): ...\n    return app\napp = create_app()\n",
        &[
            "GET /inner [authentication app.security.current_user (app)] resolved",
            "GET /v1/b [authentication app.security.current_user (app)] resolved",
        ],
    ),
    (
        "inclusions in a circle end",
        "from fastapi import FastAPI, APIRouter\napp = FastAPI()\na = APIRouter()\nb = APIRouter()\n@a.get('/x')\ndef f(): ...\n\
         a.include_router(b)\nb.include_router(a)\napp.include_router(b)\n",
        &["GET /x [] resolved"],
    ),
    (
        "a prefix is put together from constants and settings",
        "from fastapi import FastAPI, APIRouter\nBASE = '/api'\nclass Settings:\n    V1: str = '/v1'\nsettings = Settings()\n\
         app = FastAPI()\nr = APIRouter(prefix=f'{BASE}{settings.V1}')\n@r.get('/x' + '/y')\ndef f(): ...\napp.include_router(r)\n",
        &["GET /api/v1/x/y [] resolved"],
    ),
    (
        "a prefix that is no constant leaves the chain unresolved",
        "from fastapi import FastAPI, APIRouter\nfrom elsewhere import settings\napp = FastAPI()\nr = APIRouter()\n@r.get('/x')\ndef f(): ...\n\
         app.include_router(r, prefix=settings.AREA)\n",
        &["GET {settings.AREA}/x [] unresolved: prefix-not-a-constant"],
    ),
    (
        "the path below which the whole application lies says nothing of one endpoint",
        "from fastapi import FastAPI, APIRouter\nfrom elsewhere import settings\napp = FastAPI()\nr = APIRouter()\n@r.get('/x')\ndef f(): ...\n\
         app.include_router(r, prefix=settings.PREFIX)\n",
        &["GET /x [] resolved"],
    ),
    (
        "a dependency from outside that the vocabulary does not know is unknown",
        "from fastapi import FastAPI, Depends\nfrom acme_auth import require\napp = FastAPI()\n@app.get('/x')\ndef f(u=Depends(require)): ...\n",
        &["GET /x [unknown acme_auth.require (dependency)] resolved"],
    ),
    (
        "a dependency from outside that the vocabulary knows is what it says",
        "from fastapi import FastAPI, Depends\nfrom fastapi_users import FastAPIUsers\nusers = FastAPIUsers(a, b)\nactive = users.current_user(active=True)\n\
         perhaps = users.current_user(optional=True)\napp = FastAPI()\n@app.get('/x')\ndef f(u=Depends(active)): ...\n@app.get('/y')\ndef g(u=Depends(perhaps)): ...\n",
        &[
            "GET /x [authentication app.main.active (dependency)] resolved",
            "GET /y [authentication? app.main.perhaps (dependency)] resolved",
        ],
    ),
    (
        "a factory and a callable object guard by what is inside them",
        "from fastapi import FastAPI, Depends, HTTPException, Request\nfrom fastapi.security import HTTPBearer\nfrom app.security import current_user\n\
         def require(role):\n    def check(user=Depends(current_user)):\n        if role not in user.roles:\n            raise HTTPException(403)\n        return user\n    return check\n\
         class JWTBearer(HTTPBearer):\n    async def __call__(self, request: Request):\n        c = await super().__call__(request)\n        if not c:\n            raise HTTPException(status_code=403)\n        return c\n\
         app = FastAPI()\n@app.get('/x', dependencies=[Depends(require('admin'))])\ndef f(): ...\n@app.get('/y')\ndef g(u=Depends(JWTBearer())): ...\n",
        &[
            "GET /x [authorization app.main.require (decorator), authentication app.security.current_user (decorator)] resolved",
            "GET /y [authentication app.main.JWTBearer (dependency)] resolved",
        ],
    ),
    (
        "middleware that refuses guards, one that spares paths is unknown, CORS is other",
        "from fastapi import FastAPI, Request\nfrom fastapi.responses import JSONResponse\nfrom fastapi.middleware.cors import CORSMiddleware\n\
         app = FastAPI()\napp.add_middleware(CORSMiddleware, allow_origins=['*'])\n@app.middleware('http')\nasync def gate(request: Request, call_next):\n\
         \n    if request.url.path in OPEN:\n        return await call_next(request)\n    if not request.headers.get('authorization'):\n        return JSONResponse(status_code=401, content={})\n    return await call_next(request)\n\
         @app.get('/x')\ndef f(): ...\n",
        &[
            "GET /x [other fastapi.middleware.cors.CORSMiddleware (middleware), unknown app.main.gate (middleware)] resolved",
        ],
    ),
    (
        "every method and way of declaring makes its endpoint",
        "from fastapi import FastAPI\napp = FastAPI()\n@app.api_route('/m', methods=['GET', 'POST'])\ndef m(): ...\n@app.websocket('/ws')\nasync def ws(s): ...\n\
         def late(): ...\napp.add_api_route('/late', late, methods=['DELETE'])\n",
        &["DELETE /late [] resolved", "GET /m [] resolved", "POST /m [] resolved", "WEBSOCKET /ws [] resolved"],
    ),
    (
        "a class-based view's attributes guard its methods",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom fastapi_utils.cbv import cbv\nfrom app.security import current_user, User\nr = APIRouter()\n\
         @cbv(r)\nclass Items:\n    user: User = Depends(current_user)\n    @r.get('/x')\n    def x(self): ...\napp = FastAPI()\napp.include_router(r)\n",
        &["GET /x [authentication app.security.current_user (dependency)] resolved"],
    ),
    (
        "a view inherits what its bases depend on",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom fastapi_utils.cbv import cbv\nfrom app.security import current_user, User\nr = APIRouter()\n\
         class Base:\n    user: User = Depends(current_user)\n@cbv(r)\nclass Items(Base):\n    @r.get('/x')\n    def x(self): ...\napp = FastAPI()\napp.include_router(r)\n",
        &["GET /x [authentication app.security.current_user (dependency)] resolved"],
    ),
    (
        "a router class of the repository brings its dependencies",
        "from fastapi import FastAPI, APIRouter, Depends\nfrom app.security import current_user\n\
         class UserRouter(APIRouter):\n    def __init__(self, prefix='', **kw):\n        super().__init__(prefix=prefix, dependencies=[Depends(current_user)], **kw)\n\
         r = UserRouter(prefix='/r')\n@r.get('/x')\ndef x(): ...\napp = FastAPI()\napp.include_router(r)\n",
        &["GET /r/x [authentication app.security.current_user (router)] resolved"],
    ),
    (
        "a check that hands the request to what is not known is unknown",
        "from fastapi import FastAPI, Depends, Request\nclass Permissions:\n    def __init__(self, classes):\n        self.classes = classes\n    def __call__(self, request: Request):\n\
         \n        for permission in self.classes:\n            permission(request=request)\n\
         app = FastAPI()\n@app.get('/x', dependencies=[Depends(Permissions([A]))])\ndef x(): ...\n",
        &["GET /x [unknown app.main.Permissions (decorator)] resolved"],
    ),
    (
        "who may be nobody is optional, however a choice is made",
        "from fastapi import FastAPI, Depends, HTTPException\nfrom app.security import current_user, maybe_user\n\
         def user(required=True):\n    return current_user if required else maybe_user\napp = FastAPI()\n\
         @app.get('/a')\ndef a(u=Depends(user())): ...\n@app.get('/b')\ndef b(u=Depends(user(required=False))): ...\n@app.get('/c')\ndef c(u=Depends(user(required=flag))): ...\n",
        &[
            "GET /a [authentication app.main.user (dependency)] resolved",
            "GET /b [authentication? app.main.user (dependency)] resolved",
            "GET /c [unknown app.main.user (dependency)] resolved",
        ],
    ),
    (
        "a refusal that is about no caller guards nothing",
        "from fastapi import FastAPI, Depends, HTTPException\ndef unlocked(id: int):\n    if locked(id):\n        raise HTTPException(403)\n\
         app = FastAPI()\n@app.get('/x/{id}')\ndef x(l=Depends(unlocked)): ...\n",
        &["GET /x/{id} [unknown app.main.unlocked (dependency)] resolved"],
    ),
    (
        "comments suppress nothing",
        "from fastapi import FastAPI\napp = FastAPI()\n# ast-grep-ignore\n@app.get('/x')  # noqa\ndef f(): ...  # ligase: ignore\n",
        &["GET /x [] resolved"],
    ),
];

#[test]
fn endpoints_are_linked_as_the_application_runs() {
    for (name, main, want) in SINGLE {
        let files = [("app/__init__.py", ""), ("app/main.py", *main), ("app/security.py", SECURITY)];
        assert_eq!(endpoints(&files), *want, "{name}");
    }
}

#[test]
fn roles_are_read_from_whole_paths_and_never_from_parts() {
    let cases = [
        ("post", "/login", "login"),
        ("post", "/api/v1/login/access-token", "token"),
        ("get", "/healthz", "health"),
        ("get", "/patients/{id}/status", "none"),
        ("get", "/patients/health", "none"),
        ("delete", "/login", "none"),
        ("post", "/password-recovery/{email}", "password-reset"),
        ("post", "/webhooks/stripe", "webhook"),
        ("post", "/otp/verify", "one-time-code"),
        ("get", "/patients", "none"),
        ("get", "/blogin", "none"),
    ];
    for (method, path, role) in cases {
        let main = format!("from fastapi import FastAPI\napp = FastAPI()\n@app.{method}('{path}')\ndef f(): ...\n");
        let all = seen(&[("main.py", &main)]);
        let found: Vec<_> = of(&all, "endpoint").map(|o| o.text("role").unwrap().to_owned()).collect();
        assert_eq!(found, [role], "{method} {path}");
    }
}

#[test]
fn what_is_not_modelled_is_counted_and_its_stack_told() {
    let cases = [
        ("from quart import Quart\napp = Quart(__name__)\n@app.route('/x')\ndef f(): ...\n", "quart", "f"),
        ("from sanic import Blueprint\nbp = Blueprint('x', __name__)\n@bp.get('/x')\ndef f(): ...\n", "sanic", "f"),
        ("from bottle import Bottle\napp = Bottle()\n@app.get('/x')\ndef f(): ...\n", "bottle", "f"),
        (
            "from aiohttp import web\nroutes = web.RouteTableDef()\n@routes.get('/x')\nasync def f(r): ...\n",
            "aiohttp",
            "f",
        ),
        ("from somewhere import thing\n@thing.get('/x')\ndef f(): ...\n", "", "f"),
    ];
    for (source, stack, place) in cases {
        let all = seen(&[("main.py", source)]);
        let found: Vec<(String, String)> = of(&all, "unmodelled")
            .map(|o| (o.text("stack").unwrap().to_owned(), o.text("where").unwrap().to_owned()))
            .collect();
        assert_eq!(found, [(stack.to_owned(), place.to_owned())], "{source}");
        assert_eq!(of(&all, "endpoint").count(), 0);
        if !stack.is_empty() {
            let stacks: Vec<_> = of(&all, "stack")
                .filter(|o| o.attributes["modelled"] == Value::Bool(false))
                .map(|o| o.text("name").unwrap().to_owned())
                .collect();
            assert_eq!(stacks, [stack], "{source}");
        }
    }
}

#[test]
fn guards_of_the_repository_are_offered_with_their_symbol_and_use() {
    let main = "from fastapi import FastAPI\nfrom app.security import CurrentUser\napp = FastAPI()\n@app.get('/x')\ndef f(u: CurrentUser): ...\n";
    let all = seen(&[("app/__init__.py", ""), ("app/main.py", main), ("app/security.py", SECURITY)]);
    let found: Vec<(String, String, Option<i64>)> = of(&all, "guard-candidate")
        .map(|o| {
            (o.text("symbol").unwrap().to_owned(), o.text("kind").unwrap().to_owned(), o.attributes["used_by"].as_int())
        })
        .collect();
    let row = |s: &str, k: &str, n| (s.to_owned(), k.to_owned(), Some(n));
    assert_eq!(
        found,
        [
            row("app.security.current_user", "authentication", 1),
            row("app.security.maybe_user", "authentication", 0),
            row("app.security.admin", "authorization", 0)
        ]
    );
}

#[test]
fn anchors_lie_at_the_decorator_the_handler_and_the_router() {
    let source = "from fastapi import FastAPI\napp = FastAPI()\n\n@app.get('/x')\ndef f():\n    return 1\n";
    let all = seen(&[("main.py", source)]);
    let endpoint = of(&all, "endpoint").next().unwrap();
    let text = |name: &str| &source[endpoint.anchors[name].start as usize..endpoint.anchors[name].end as usize];
    assert_eq!((text("route"), text("router")), ("@app.get('/x')", "FastAPI()"));
    assert!(text("handler").starts_with("def f()"));
    assert_eq!((endpoint.place.span.line, endpoint.place.span.end_line), (4, 6));
}
