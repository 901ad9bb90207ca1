//! The text of an invented service: FastAPI and Terraform as people write them, varied by a seeded generator. The same seed
//! gives the same text on every machine. Nothing here knows what is right or wrong about it.

use std::fmt::Write as _;

/// A generator of choices; splitmix64.
pub struct Choices(u64);

impl Choices {
    /// From a seed of several numbers.
    pub fn seeded(parts: &[u64]) -> Self {
        let mut choices = Self(0x9e37_79b9_7f4a_7c15);
        for part in parts {
            choices.0 ^= part.wrapping_mul(0xd6e8_feb8_6659_fd93);
            choices.number();
        }
        choices
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() % limit.max(1) as u64).expect("below a usize")
    }

    /// One of some words.
    pub fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// True once in so many times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// What services are about.
pub const THINGS: &[&str] = &[
    "patient",
    "invoice",
    "appointment",
    "claim",
    "policy",
    "order",
    "shipment",
    "account",
    "contract",
    "referral",
    "document",
    "payment",
    "visit",
    "device",
    "message",
    "ticket",
    "report",
    "member",
    "plan",
    "refund",
];
/// What things have.
pub const FIELDS: &[&str] = &[
    "name",
    "email",
    "phone",
    "status",
    "amount",
    "currency",
    "created_at",
    "updated_at",
    "note",
    "diagnosis",
    "street",
    "city",
    "postal_code",
    "reference",
    "quantity",
    "birth_date",
    "channel",
    "priority",
    "owner_id",
    "due_at",
    "weight",
    "score",
];
/// What is done with things.
pub const VERBS: &[&str] =
    &["accept", "close", "renew", "assign", "review", "archive", "merge", "price", "route", "notify", "settle"];
const TYPES: &[&str] = &["str", "int", "float", "bool", "datetime", "str | None", "list[str]", "Decimal"];
const COLUMNS: &[&str] =
    &["String(120)", "Integer", "Numeric(12, 2)", "Boolean", "DateTime(timezone=True)", "Text", "JSON"];

fn title(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// Adds parts until a text is long enough; some are longer than others, as files are.
pub fn fill(
    c: &mut Choices,
    mut text: String,
    least: usize,
    part: impl Fn(&mut Choices, &mut String, usize),
) -> String {
    let wanted = least + c.below(least);
    let mut number = 0;
    while text.len() < wanted {
        part(c, &mut text, number);
        number += 1;
    }
    text
}

macro_rules! line {
    ($text:expr, $($what:tt)*) => { writeln!($text, $($what)*).expect("a string takes it") };
}

/// A module of database models.
pub fn models(c: &mut Choices) -> String {
    let head = "\"\"\"What is stored.\"\"\"\nfrom datetime import datetime\nfrom decimal import Decimal\n\nfrom sqlalchemy import JSON, Boolean, DateTime, \
                ForeignKey, Integer, Numeric, String, Text\nfrom sqlalchemy.orm import Mapped, mapped_column, relationship\n\nfrom app.database import Base\n";
    fill(c, head.to_owned(), 2_600, |c, text, number| {
        let thing = c.of(THINGS);
        line!(text, "\n\nclass {}{number}(Base):\n    __tablename__ = \"{thing}s_{number}\"\n", title(thing));
        line!(text, "    id: Mapped[int] = mapped_column(primary_key=True)");
        for _ in 0..4 + c.below(6) {
            let (field, column) = (c.of(FIELDS), c.of(COLUMNS));
            line!(
                text,
                "    {field}: Mapped[{}] = mapped_column({column}, nullable={})",
                c.of(TYPES),
                title(c.of(&["true", "false"]))
            );
        }
        let field = c.of(FIELDS);
        line!(
            text,
            "\n    def is_open(self) -> bool:\n        return self.{field} is not None and self.id > {}",
            c.below(90)
        );
        line!(text, "\n    def __repr__(self) -> str:\n        return f\"<{} {{self.id}}>\"", title(thing));
    })
}

/// A module of routes.
pub fn routes(c: &mut Choices) -> String {
    let thing = c.of(THINGS);
    let mut head = format!(
        "\"\"\"Routes of {thing}s.\"\"\"\nimport logging\nfrom typing import Annotated\n\nfrom fastapi import APIRouter, Depends, HTTPException, Query, status\n"
    );
    line!(
        head,
        "from sqlalchemy.orm import Session\n\nfrom app.database import get_session\nfrom app.schemas import {0}In, {0}Out\nfrom app.security import User, current_user\nfrom app.services import {thing}s\n",
        title(thing)
    );
    line!(
        head,
        "logger = logging.getLogger(__name__)\nrouter = APIRouter(prefix=\"/{thing}s\", tags=[\"{thing}s\"])\n\nDatabase = Annotated[Session, Depends(get_session)]"
    );
    fill(c, head, 2_900, |c, text, number| {
        let (verb, method, field) = (c.of(VERBS), c.of(&["get", "post", "put", "patch", "delete"]), c.of(FIELDS));
        let guard = if c.one_in(4) { "" } else { "user: Annotated[User, Depends(current_user)], " };
        line!(text, "\n\n@router.{method}(\"/{{{thing}_id}}/{verb}/{number}\", response_model={}Out)", title(thing));
        line!(
            text,
            "async def {verb}_{thing}_{number}({thing}_id: int, {guard}db: Database, limit: Annotated[int, Query(le=200)] = 50):"
        );
        line!(text, "    \"\"\"{} one {thing} by its {field}.\"\"\"", title(verb));
        line!(
            text,
            "    found = {thing}s.by_id(db, {thing}_id)\n    if found is None:\n        raise HTTPException(status.HTTP_404_NOT_FOUND, detail=\"no such {thing}\")"
        );
        if c.one_in(2) {
            line!(text, "    logger.info(\"{verb} {thing} %s\", {thing}_id)");
        } else {
            line!(text, "    logger.{}(f\"{verb} {thing} {{found.{field}}}\")", c.of(&["info", "debug", "warning"]));
        }
        let other = c.of(FIELDS);
        line!(
            text,
            "    rows = [row.{other} for row in {thing}s.related(db, found) if row.{field} is not None][:limit]"
        );
        line!(
            text,
            "    total = sum(len(str(row)) * {} for row in rows)\n    if total > {}:\n        found = {thing}s.{verb}(db, found, rows)",
            c.below(9) + 1,
            c.below(4_000)
        );
        line!(text, "    return {{\"id\": found.id, \"{field}\": found.{field}, \"rows\": rows, \"total\": total}}");
    })
}

/// A module of business code.
pub fn service(c: &mut Choices) -> String {
    let thing = c.of(THINGS);
    let head = format!(
        "\"\"\"What is done with {thing}s.\"\"\"\nimport logging\nfrom collections import defaultdict\nfrom datetime import datetime, timedelta, timezone\n\nfrom app import models\nfrom app.observability import mask\n\nlogger = logging.getLogger(__name__)\n\n\nclass {}Service:\n    def __init__(self, db, clock, mailer):\n        self.db = db\n        self.clock = clock\n        self.mailer = mailer\n",
        title(thing)
    );
    fill(c, head, 2_900, |c, text, number| {
        let (verb, field, other) = (c.of(VERBS), c.of(FIELDS), c.of(FIELDS));
        line!(text, "\n    def {verb}_{number}(self, {thing}, *, {other}=None, retries: int = {}):", c.below(6));
        line!(text, "        \"\"\"{} what stands under {field}; {other} wins when both are there.\"\"\"", title(verb));
        line!(
            text,
            "        groups = defaultdict(list)\n        for row in self.db.query(models.{}).filter_by({field}={thing}.{field}):",
            title(thing)
        );
        line!(
            text,
            "            if row.{other} and row.id % {} == 0:\n                groups[row.{field}].append(row)",
            c.below(7) + 2
        );
        line!(text, "            elif {other} is not None:\n                groups[{other}].append(row)");
        line!(text, "        since = self.clock.now(timezone.utc) - timedelta(days={})", c.below(60));
        line!(
            text,
            "        for attempt in range(retries):\n            try:\n                self.mailer.send({thing}.{field}, len(groups), since)\n            except TimeoutError as error:"
        );
        match c.below(3) {
            0 => line!(
                text,
                "                logger.warning(\"attempt %d for %s failed: %s\", attempt, mask({thing}.email), error)"
            ),
            1 => line!(text, "                logger.exception(\"attempt %d for {thing} failed\", attempt)"),
            _ => line!(text, "                logger.error(f\"no answer for {{{thing}.{field}}}: {{error}}\")"),
        }
        line!(
            text,
            "                continue\n            break\n        return {{key: [row.{other} for row in rows] for key, rows in sorted(groups.items())}}"
        );
    })
}

/// A module of tests.
pub fn test(c: &mut Choices) -> String {
    let head = "import pytest\n\nfrom app.main import app\nfrom tests.fakes import client, make\n\n".to_owned();
    fill(c, head, 2_300, |c, text, number| {
        let (thing, verb, field) = (c.of(THINGS), c.of(VERBS), c.of(FIELDS));
        line!(text, "\n@pytest.mark.parametrize(\"{field}\", [{}, {}, None])", c.below(900), c.below(900));
        line!(
            text,
            "def test_{verb}_{thing}_{number}(client, {field}):\n    {thing} = make(\"{thing}\", {field}={field})"
        );
        line!(text, "    answer = client.post(f\"/{thing}s/{{{thing}.id}}/{verb}\", json={{\"{field}\": {field}}})");
        line!(
            text,
            "    assert answer.status_code == {}\n    assert answer.json()[\"id\"] == {thing}.id",
            200 + c.below(5)
        );
    })
}

/// A file of Terraform resources.
pub fn terraform(c: &mut Choices) -> String {
    fill(c, String::new(), 2_700, |c, text, number| {
        let (thing, region) = (c.of(THINGS), c.of(&["eu-west-1", "eu-central-1", "us-east-1"]));
        match c.below(5) {
            0 => {
                line!(
                    text,
                    "resource \"aws_db_instance\" \"{thing}_{number}\" {{\n  identifier        = \"${{local.prefix}}-{thing}-{number}\"\n  engine            = \"postgres\"\n  instance_class    = \"db.r6g.large\"\n  allocated_storage = {}",
                    c.below(900) + 20
                );
                if c.one_in(2) {
                    line!(text, "  storage_encrypted = {}", c.of(&["true", "false", "var.encrypted"]));
                }
                line!(text, "  tags              = local.tags\n}}\n");
            }
            1 => line!(
                text,
                "resource \"aws_s3_bucket\" \"{thing}_{number}\" {{\n  bucket = \"${{local.prefix}}-{thing}-{number}\"\n  tags   = merge(local.tags, {{ data = \"{thing}\" }})\n}}\n\nresource \"aws_s3_bucket_versioning\" \"{thing}_{number}\" {{\n  bucket = aws_s3_bucket.{thing}_{number}.id\n\n  versioning_configuration {{\n    status = \"Enabled\"\n  }}\n}}\n"
            ),
            2 => line!(
                text,
                "resource \"aws_security_group\" \"{thing}_{number}\" {{\n  name   = \"${{local.prefix}}-{thing}-{number}\"\n  vpc_id = var.vpc_id\n\n  ingress {{\n    from_port   = {0}\n    to_port     = {0}\n    protocol    = \"tcp\"\n    cidr_blocks = [\"10.{1}.0.0/16\"]\n  }}\n\n  egress {{\n    from_port   = 0\n    to_port     = 0\n    protocol    = \"-1\"\n    cidr_blocks = [\"0.0.0.0/0\"]\n  }}\n}}\n",
                1_024 + c.below(40_000),
                c.below(255)
            ),
            3 => line!(
                text,
                "resource \"aws_dynamodb_table\" \"{thing}_{number}\" {{\n  name         = \"${{local.prefix}}-{thing}-{number}\"\n  billing_mode = \"PAY_PER_REQUEST\"\n  hash_key     = \"id\"\n\n  attribute {{\n    name = \"id\"\n    type = \"S\"\n  }}\n\n  replica {{\n    region_name = \"{region}\"\n  }}\n}}\n"
            ),
            _ => line!(
                text,
                "resource \"aws_iam_policy\" \"{thing}_{number}\" {{\n  name   = \"${{local.prefix}}-{thing}-{number}\"\n  policy = jsonencode({{\n    Version = \"2012-10-17\"\n    Statement = [for name in var.{thing}_names : {{\n      Effect   = \"Allow\"\n      Action   = [\"s3:GetObject\", \"kms:Decrypt\"]\n      Resource = \"arn:aws:s3:::${{name}}/{region}/*\"\n    }} if name != \"\"]\n  }})\n}}\n"
            ),
        }
    })
}

/// A page of documentation.
pub fn readme(c: &mut Choices) -> String {
    fill(c, "# A service\n".to_owned(), 1_500, |c, text, number| {
        let (thing, verb, field) = (c.of(THINGS), c.of(VERBS), c.of(FIELDS));
        line!(
            text,
            "\n## {} {thing}s ({number})\n\nA {thing} has a {field}. To {verb} one, send its id; the answer says what became of it.",
            title(verb)
        );
    })
}

/// The modules that everything imports, with their paths.
pub fn foundations() -> [(&'static str, String); 6] {
    [
        ("app/__init__.py", String::new()),
        ("app/main.py", "\"\"\"The application.\"\"\"\nfrom fastapi import FastAPI\n\nfrom app.api import r0, r1, r2, r3, r4, r5, r6, r7\n\napp = FastAPI(title=\"service\")\nfor module in (r0, r1, r2, r3, r4, r5, r6, r7):\n    app.include_router(module.router)\n\n\n@app.get(\"/health\")\ndef health() -> dict[str, str]:\n    return {\"status\": \"ok\"}\n".to_owned()),
        ("app/database.py", "from collections.abc import Iterator\n\nfrom sqlalchemy import create_engine\nfrom sqlalchemy.orm import DeclarativeBase, Session, sessionmaker\n\nfrom app.settings import settings\n\nengine = create_engine(settings.database_url, pool_pre_ping=True)\nmake_session = sessionmaker(engine, expire_on_commit=False)\n\n\nclass Base(DeclarativeBase):\n    pass\n\n\ndef get_session() -> Iterator[Session]:\n    with make_session() as session:\n        yield session\n".to_owned()),
        ("app/security.py", "from typing import Annotated\n\nimport jwt\nfrom fastapi import Depends, HTTPException\nfrom fastapi.security import HTTPAuthorizationCredentials, HTTPBearer\n\nfrom app.settings import settings\n\nbearer = HTTPBearer()\n\n\nclass User:\n    def __init__(self, id: str, scopes: list[str]):\n        self.id = id\n        self.scopes = scopes\n\n\ndef current_user(token: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> User:\n    try:\n        claims = jwt.decode(token.credentials, settings.key, algorithms=[\"RS256\"])\n    except jwt.PyJWTError as error:\n        raise HTTPException(401, \"not allowed\") from error\n    return User(claims[\"sub\"], claims.get(\"scopes\", []))\n".to_owned()),
        ("app/observability.py", "import hashlib\nimport logging\n\n\ndef mask(value: str) -> str:\n    return hashlib.sha256(value.encode()).hexdigest()[:12]\n\n\ndef set_up(level: str) -> None:\n    logging.basicConfig(level=level, format=\"%(asctime)s %(levelname)s %(name)s %(message)s\")\n".to_owned()),
        ("app/settings.py", "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n    database_url: str = \"postgresql://localhost/service\"\n    key: str = \"\"\n    region: str = \"eu-west-1\"\n\n\nsettings = Settings()\n".to_owned()),
    ]
}

/// The Terraform that everything refers to.
pub fn provider() -> String {
    "provider \"aws\" {\n  region = local.region\n}\n\nlocals {\n  region = \"eu-west-1\"\n  prefix = \"service-${var.environment}\"\n  tags   = { environment = var.environment }\n}\n\nvariable \"environment\" {\n  type = string\n}\n\nvariable \"encrypted\" {\n  type    = bool\n  default = true\n}\n\nvariable \"vpc_id\" {\n  type = string\n}\n".to_owned()
}

/// A declaration.
pub fn dna(name: &str) -> String {
    format!(
        "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: {{ name: {name}, owner: \"@acme/{name}\" }}\nspec:\n  data:\n    - class: phi\n    - class: pii\n  residency: [eu]\n  exposure: internet\n  identity: own\n  vocabulary:\n    guards: [app.security.current_user]\n    sanitizers: [app.observability.mask]\n"
    )
}
