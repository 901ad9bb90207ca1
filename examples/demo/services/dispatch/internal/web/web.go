// Package web is HTTP. The organisation's gateway stands before it and tells who calls.
package web

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"meridian.example/dispatch/internal/crew"
	"meridian.example/dispatch/internal/route"
)

// Server answers.
type Server struct {
	board *crew.Board
}

// New returns a server over a board.
func New(board *crew.Board) *Server { return &Server{board: board} }

// Routes are all paths.
func (s *Server) Routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("POST /calls", s.staff(http.HandlerFunc(s.take)))
	mux.Handle("POST /calls/{id}/done", s.staff(http.HandlerFunc(s.done)))
	mux.HandleFunc("GET /calls/{id}/handover", s.handover)
	return mux
}

func (s *Server) staff(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("X-Gateway-Token")
		if !valid(token) {
			slog.Warn("refused", "path", r.URL.Path, "token", token)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"status": "ok", "free": s.board.Free()})
}

type taken struct {
	ID          string `json:"id"`
	At          string `json:"at"`
	PatientName string `json:"patient_name"`
	PhoneNumber string `json:"phone_number"`
	Diagnosis   string `json:"diagnosis"`
	Urgency     int    `json:"urgency"`
}

func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	var body taken
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		slog.Info("a call that cannot be read; diagnosis and phone number are missing", "bytes", r.ContentLength)
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	slog.Info("call", "id", body.ID, "urgency", body.Urgency, "name", crew.Mask(body.PatientName))
	sent, err := s.board.Send(crew.Call{
		ID: body.ID, At: route.Place(body.At), PatientName: body.PatientName,
		PhoneNumber: body.PhoneNumber, Diagnosis: body.Diagnosis, Urgency: body.Urgency,
	})
	if errors.Is(err, crew.ErrNobody) {
		http.Error(w, "nobody is free", http.StatusServiceUnavailable)
		return
	}
	write(w, http.StatusCreated, sent)
}

func (s *Server) done(w http.ResponseWriter, r *http.Request) {
	if !s.board.Done(r.PathValue("id")) {
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) handover(w http.ResponseWriter, r *http.Request) {
	text := s.board.Handover(r.PathValue("id"))
	if text == "" {
		http.NotFound(w, r)
		return
	}
	write(w, http.StatusOK, map[string]any{"text": text})
}

func valid(token string) bool { return len(token) == 64 }

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Error("an answer could not be written", "error", err)
	}
}
