// Command dispatch serves the interface.
package main

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"meridian.example/dispatch/internal/crew"
	"meridian.example/dispatch/internal/web"
)

func main() {
	address := os.Getenv("DISPATCH_ADDRESS")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	server := &http.Server{
		Addr:              address,
		Handler:           web.New(crew.NewBoard()).Routes(),
		ReadHeaderTimeout: 5 * time.Second,
	}
	slog.Info("listening", "address", address)
	if err := server.ListenAndServe(); err != nil {
		slog.Error("stopped", "error", err)
		os.Exit(1)
	}
}
