package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meridian.example/dispatch/internal/crew"
)

func ask(method, path, body, token string) int {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("X-Gateway-Token", token)
	answer := httptest.NewRecorder()
	board := crew.NewBoard()
	board.Roads().Join("station", "harbour", 3)
	board.Report(crew.Crew{ID: "a", At: "station"})
	New(board).Routes().ServeHTTP(answer, request)
	return answer.Code
}

func TestStrangersAreRefused(t *testing.T) {
	if got := ask(http.MethodPost, "/calls", `{}`, "short"); got != http.StatusUnauthorized {
		t.Fatalf("got %d", got)
	}
}

func TestACallIsTaken(t *testing.T) {
	body := `{"id":"c1","at":"harbour","urgency":1}`
	if got := ask(http.MethodPost, "/calls", body, strings.Repeat("x", 64)); got != http.StatusCreated {
		t.Fatalf("got %d", got)
	}
}

func TestHealthIsOpen(t *testing.T) {
	if got := ask(http.MethodGet, "/healthz", "", ""); got != http.StatusOK {
		t.Fatalf("got %d", got)
	}
}
