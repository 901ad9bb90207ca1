//! Traces and metrics of a role: over OTLP where a collector is named, and on a Prometheus page where an address is given.
//! Without either nothing is collected, and a span costs what `tracing` costs without a subscriber that wants it.

use crate::log::{filter, fmt_layer};
use crate::{LogFormat, took};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use opentelemetry::KeyValue;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{Encoder as _, Registry, TextEncoder};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Instant;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What a role exports.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// `coordinator`, `worker` or `agent-runner`.
    pub role: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// A collector's address for OTLP over gRPC.
    pub otlp: Option<String>,
    /// Where the Prometheus page is served.
    pub metrics: Option<SocketAddr>,
}

/// What was started; [`Telemetry::finish`] sends the rest.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Telemetry {
    /// Sends what is still held. It blocks on the collector, for a bounded time.
    pub async fn finish(self) {
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(traces) = self.traces {
                let _ = traces.shutdown();
            }
            if let Some(metrics) = self.metrics {
                let _ = metrics.shutdown();
            }
        });
        let _ = ended.await;
    }
}

/// Starts log, traces and metrics. Must be called inside a tokio runtime; says what cannot be started.
pub async fn init_telemetry(format: LogFormat, verbosity: u8, options: TelemetryOptions) -> Result<Telemetry, String> {
    let resource = Resource::builder()
        .with_service_name(format!("ligase-{}", options.role))
        .with_attribute(KeyValue::new("service.version", options.version))
        .build();
    let traces = match &options.otlp {
        Some(url) => Some(tracer(url, resource.clone())?),
        None => None,
    };
    let layer = traces.as_ref().map(|provider| {
        let tracer = provider.tracer("ligase");
        tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false)
    });
    // An embedding process may have a subscriber already; then its choice stands.
    let _ = tracing_subscriber::registry().with(filter(verbosity)).with(layer).with(fmt_layer(format)).try_init();
    let metrics = meter(&options, resource)?;
    if let (Some(address), Some((_, registry))) = (options.metrics, &metrics) {
        serve(address, registry.clone()).await?;
    }
    let metrics = metrics.map(|(provider, _)| {
        opentelemetry::global::set_meter_provider(provider.clone());
        provider
    });
    Ok(Telemetry { traces, metrics })
}

fn tracer(url: &str, resource: Resource) -> Result<SdkTracerProvider, String> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(url).build();
    let exporter = exporter.map_err(|e| format!("where traces go: {e}"))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource)
        .build())
}

fn meter(options: &TelemetryOptions, resource: Resource) -> Result<Option<(SdkMeterProvider, Registry)>, String> {
    if options.otlp.is_none() && options.metrics.is_none() {
        return Ok(None);
    }
    let registry = Registry::new();
    let page = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_counter_suffixes()
        .without_units()
        .build()
        .map_err(|e| e.to_string())?;
    let mut builder = SdkMeterProvider::builder().with_reader(page).with_resource(resource);
    if let Some(url) = &options.otlp {
        let exporter = MetricExporter::builder().with_tonic().with_endpoint(url).build();
        let exporter = exporter.map_err(|e| format!("where metrics go: {e}"))?;
        builder = builder.with_periodic_exporter(exporter);
    }
    Ok(Some((builder.build(), registry)))
}

/// `/metrics` for Prometheus, `/healthz` for whoever restarts processes that hang.
async fn serve(address: SocketAddr, registry: Registry) -> Result<(), String> {
    let page = move || {
        let registry = registry.clone();
        async move {
            let mut out = Vec::new();
            match TextEncoder::new().encode(&registry.gather(), &mut out) {
                Ok(()) => (StatusCode::OK, out),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
            }
        }
    };
    let pages = Router::new().route("/metrics", get(page)).route("/healthz", get(|| async { "alive\n" }));
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|e| format!("the page of metrics, {address}: {e}"))?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, pages).await {
            tracing::warn!(%error, "metrics are served no more");
        }
    });
    Ok(())
}

/// The present span's place in its trace, as W3C's `traceparent`; none where nothing is traced.
pub fn traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let at = span.span_context();
    at.is_valid().then(|| format!("00-{}-{}-{:02x}", at.trace_id(), at.span_id(), at.trace_flags().to_u8()))
}

/// Puts a span below the one that a `traceparent` names; a repeated attempt is linked to it as well. What does not read is
/// ignored: it came with a message.
pub fn follow(span: &Span, parent: Option<&str>, repeated: bool) {
    let Some(at) = parent.and_then(read) else { return };
    if repeated {
        span.add_link(at.clone());
    }
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(at));
}

/// The span of an attempt at a task, below the publication that it came from.
pub fn attempt_span(kind: &'static str, key: &str, number: u32, parent: Option<&str>) -> Span {
    let span = tracing::info_span!("attempt", otel.name = kind, key, number);
    follow(&span, parent, number > 1);
    span
}

/// Runs a stage of an attempt in a span of its own, and measures it.
pub async fn stage<T>(kind: &'static str, name: &'static str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.instrument(tracing::info_span!("stage", otel.name = name, kind)).await;
    took("ligase_stage_seconds", &[("kind", kind), ("stage", name)], began.elapsed());
    done
}

/// The same on a thread that may block, below the span that was current where it was called.
pub fn blocking_stage<T>(
    kind: &'static str,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl FnOnce() -> T + Send + 'static
where
    T: Send + 'static,
{
    let parent = Span::current();
    move || {
        let began = Instant::now();
        let done = tracing::info_span!(parent: &parent, "stage", otel.name = name, kind).in_scope(work);
        took("ligase_stage_seconds", &[("kind", kind), ("stage", name)], began.elapsed());
        done
    }
}

/// Reads version 00 of the header (w3.org/TR/trace-context, 3.2).
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "00" || parts.next().is_some() || trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let at = SpanContext::new(trace, span, flags, true, TraceState::default());
    at.is_valid().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_parents_of_version_00_are_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(good).unwrap().span_id().to_string(), "00f067aa0ba902b7");
        for wrong in [
            "",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-zzf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_told_where_nothing_is_traced() {
        assert_eq!(traceparent(), None);
    }
}
