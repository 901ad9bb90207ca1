//! A collector of traces for tests: takes what roles export by OTLP, and shows one trace as a tree.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// One span, as it came.
#[derive(Clone, Debug)]
pub struct Span {
    /// `ligase-coordinator`, `ligase-worker` or `ligase-agent-runner`.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The trace, the span, and the span above it, in hex; no parent is empty.
    pub ids: (String, String, String),
    /// Nanoseconds from its beginning to its end.
    pub nanoseconds: u64,
    /// When it began, in nanoseconds since 1970.
    pub began: u64,
    /// Spans that it is linked to.
    pub links: usize,
}

type Spans = Arc<Mutex<Vec<Span>>>;

struct Receiver(Spans);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.into_iter().flat_map(|r| r.attributes);
            let name = attributes.filter(|a| a.key == "service.name").find_map(|a| a.value?.value);
            let Some(Value::StringValue(service)) = name else { continue };
            for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Span {
                    service: service.clone(),
                    name: span.name,
                    ids: (hex(&span.trace_id), hex(&span.span_id), hex(&span.parent_span_id)),
                    nanoseconds: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
                    began: span.start_time_unix_nano,
                    links: span.links.len(),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector on a free port of this machine, until it is dropped.
pub struct Collector {
    spans: Spans,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    /// Starts one.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let spans = Spans::default();
        let inside = runtime.enter();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = incoming.local_addr().expect("it is bound");
        let service = TraceServiceServer::new(Receiver(Arc::clone(&spans))).max_decoding_message_size(64 << 20);
        runtime.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        drop(inside);
        Self { spans, address, _runtime: runtime }
    }

    /// Where roles send to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One trace as a tree of text: name, service, milliseconds; spans of one name below one parent are counted together.
pub fn tree(spans: &[Span], trace: &str) -> String {
    let mut below: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    let own: Vec<&Span> = spans.iter().filter(|s| s.ids.0 == trace).collect();
    for span in &own {
        let known = own.iter().any(|other| other.ids.1 == span.ids.2);
        below.entry(if known { &span.ids.2 } else { "" }).or_default().push(span);
    }
    let mut out = String::new();
    draw(&below, "", 0, &mut out);
    out
}

fn draw(below: &BTreeMap<&str, Vec<&Span>>, parent: &str, depth: usize, out: &mut String) {
    let mut children = below.get(parent).cloned().unwrap_or_default();
    children.sort_by_key(|s| s.began);
    for span in children {
        let links = if span.links == 0 { String::new() } else { format!(", {} link(s)", span.links) };
        let ms = span.nanoseconds / 1_000_000;
        let label = format!("{}{}", "  ".repeat(depth), span.name);
        writeln!(out, "{label:<44} {:<20} {ms:>6} ms{links}", span.service).expect("a string takes it");
        draw(below, &span.ids.1, depth + 1, out);
    }
}
