package crew

import (
	"errors"
	"testing"
)

func board() *Board {
	b := NewBoard()
	b.Roads().Join("station", "bridge", 4)
	b.Roads().Join("bridge", "harbour", 3)
	b.Report(Crew{ID: "far", At: "station", Paramedic: true})
	b.Report(Crew{ID: "near", At: "bridge"})
	return b
}

func TestTheNearestIsSent(t *testing.T) {
	sent, err := board().Send(Call{ID: "c1", At: "harbour", Urgency: 2})
	if err != nil || sent.CrewID != "near" || sent.Minutes != 3 {
		t.Fatalf("got %+v, %v", sent, err)
	}
}

func TestTheUrgentGetAParamedic(t *testing.T) {
	sent, _ := board().Send(Call{ID: "c1", At: "harbour", Urgency: 0})
	if sent.CrewID != "far" {
		t.Fatalf("got %+v", sent)
	}
}

func TestWhoIsBusyIsNotSentTwice(t *testing.T) {
	b := board()
	for _, id := range []string{"c1", "c2"} {
		if _, err := b.Send(Call{ID: id, At: "harbour", Urgency: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Send(Call{ID: "c3", At: "harbour"}); !errors.Is(err, ErrNobody) {
		t.Fatalf("got %v", err)
	}
	if !b.Done("c1") || b.Free() != 1 || b.Done("c1") {
		t.Fatal("a crew is free once its call is done")
	}
}

func TestMaskKeepsOneLetter(t *testing.T) {
	if Mask("Ada Brandt") != "A***" || Mask("") != "" {
		t.Fatal(Mask("Ada Brandt"))
	}
}
