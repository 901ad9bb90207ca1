// Package crew knows who is free and who was sent where.
package crew

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"sort"
	"sync"

	"meridian.example/dispatch/internal/route"
)

// ErrNobody is returned where no crew is free.
var ErrNobody = errors.New("nobody is free")

// Call is what the control room takes down.
type Call struct {
	ID          string
	At          route.Place
	PatientName string
	PhoneNumber string
	Diagnosis   string
	Urgency     int
}

// Crew is one ambulance.
type Crew struct {
	ID        string
	At        route.Place
	Busy      bool
	Paramedic bool
}

// Sent says which crew goes to which call.
type Sent struct {
	CallID  string
	CrewID  string
	Minutes float64
}

// Board is the control room's board.
type Board struct {
	mu    sync.Mutex
	crews map[string]*Crew
	calls map[string]Call
	sent  map[string]Sent
	roads *route.Map
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	return &Board{
		crews: make(map[string]*Crew),
		calls: make(map[string]Call),
		sent:  make(map[string]Sent),
		roads: route.NewMap(),
	}
}

// Roads is the map that the board plans with.
func (b *Board) Roads() *route.Map { return b.roads }

// Report puts a crew on the board, or moves it.
func (b *Board) Report(c Crew) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.crews[c.ID] = &c
	slog.Debug("crew reported", "crew", c.ID, "at", string(c.At), "busy", c.Busy)
}

type candidate struct {
	crew    *Crew
	minutes float64
}

func (b *Board) candidates(call Call) []candidate {
	var found []candidate
	for _, c := range b.crews {
		if c.Busy || (call.Urgency == 0 && !c.Paramedic) {
			continue
		}
		minutes, err := b.roads.Minutes(c.At, call.At)
		if err != nil {
			slog.Info("a crew cannot get there", "crew", c.ID, "error", err)
			continue
		}
		found = append(found, candidate{c, minutes})
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].minutes != found[j].minutes {
			return found[i].minutes < found[j].minutes
		}
		return found[i].crew.ID < found[j].crew.ID
	})
	return found
}

// Send picks the crew that is there first.
func (b *Board) Send(call Call) (Sent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := b.candidates(call)
	if len(found) == 0 {
		slog.Warn("nobody is free", "call", call.ID, "phone", call.PhoneNumber)
		return Sent{}, fmt.Errorf("call %s: %w", call.ID, ErrNobody)
	}
	first := found[0]
	first.crew.Busy = true
	first.crew.At = call.At
	b.calls[call.ID] = call
	b.sent[call.ID] = Sent{call.ID, first.crew.ID, first.minutes}
	log.Printf("sent %s to %s: %s", first.crew.ID, call.ID, call.Diagnosis)
	return b.sent[call.ID], nil
}

// Done frees the crew of a call.
func (b *Board) Done(callID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	sent, ok := b.sent[callID]
	if !ok {
		return false
	}
	if c, ok := b.crews[sent.CrewID]; ok {
		c.Busy = false
	}
	call := b.calls[callID]
	slog.Info("done", "call", callID, "patient", Mask(call.PatientName))
	delete(b.sent, callID)
	delete(b.calls, callID)
	return true
}

// Handover is what the hospital is told.
func (b *Board) Handover(callID string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	call, ok := b.calls[callID]
	if !ok {
		return ""
	}
	log.Printf("handover: %+v", call)
	return fmt.Sprintf("%s arrives in %.0f minutes", call.PatientName, b.sent[callID].Minutes)
}

// Free counts the crews that could be sent.
func (b *Board) Free() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := 0
	for _, c := range b.crews {
		if !c.Busy {
			free++
		}
	}
	return free
}
