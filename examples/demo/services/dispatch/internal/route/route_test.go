package route

import "testing"

func small() *Map {
	m := NewMap()
	m.Join("station", "bridge", 4)
	m.Join("bridge", "harbour", 3)
	m.Join("station", "harbour", 12)
	return m
}

func TestTheShortestWayIsTaken(t *testing.T) {
	if got, err := small().Minutes("station", "harbour"); err != nil || got != 7 {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestAClosedRoadIsAvoided(t *testing.T) {
	m := small()
	m.Close("bridge", "harbour")
	if got, _ := m.Minutes("station", "harbour"); got != 12 {
		t.Fatalf("got %v", got)
	}
}

func TestIslandsHaveNoWay(t *testing.T) {
	if _, err := small().Minutes("station", "island"); err != ErrNoWay {
		t.Fatalf("got %v", err)
	}
}
