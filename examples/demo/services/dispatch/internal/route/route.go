// Package route knows how far places are from one another.
package route

import (
	"container/heap"
	"errors"
	"log/slog"
	"math"
)

// ErrNoWay is returned where two places are not connected.
var ErrNoWay = errors.New("no way")

// Place is a crossing or a station.
type Place string

type edge struct {
	to      Place
	minutes float64
}

// Map holds places and the minutes between them.
type Map struct {
	edges map[Place][]edge
}

// NewMap returns an empty map.
func NewMap() *Map {
	return &Map{edges: make(map[Place][]edge)}
}

// Join adds a road in both directions.
func (m *Map) Join(a, b Place, minutes float64) {
	if minutes <= 0 || math.IsNaN(minutes) {
		slog.Warn("a road without length is left out", "from", string(a), "to", string(b))
		return
	}
	m.edges[a] = append(m.edges[a], edge{b, minutes})
	m.edges[b] = append(m.edges[b], edge{a, minutes})
}

// Close removes the roads between two places.
func (m *Map) Close(a, b Place) {
	m.edges[a] = without(m.edges[a], b)
	m.edges[b] = without(m.edges[b], a)
}

func without(edges []edge, to Place) []edge {
	kept := edges[:0:0]
	for _, e := range edges {
		if e.to != to {
			kept = append(kept, e)
		}
	}
	return kept
}

type item struct {
	place   Place
	minutes float64
}

type frontier []item

func (f frontier) Len() int           { return len(f) }
func (f frontier) Less(i, j int) bool { return f[i].minutes < f[j].minutes }
func (f frontier) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *frontier) Push(x any)        { *f = append(*f, x.(item)) }
func (f *frontier) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}

// Minutes is the shortest time between two places.
func (m *Map) Minutes(from, to Place) (float64, error) {
	best := map[Place]float64{from: 0}
	open := &frontier{{from, 0}}
	for open.Len() > 0 {
		at := heap.Pop(open).(item)
		if at.place == to {
			return at.minutes, nil
		}
		if at.minutes > best[at.place] {
			continue
		}
		for _, e := range m.edges[at.place] {
			total := at.minutes + e.minutes
			if known, ok := best[e.to]; !ok || total < known {
				best[e.to] = total
				heap.Push(open, item{e.to, total})
			}
		}
	}
	return 0, ErrNoWay
}
