package web

import (
	"strconv"
	"strings"
	"time"
)

// TimeChart is a chart of counts over time: a bar for each period, its kinds
// stacked. The axis begins at zero. Shown by {{template "time-chart" .Chart}},
// with its numbers as a table below.
type TimeChart struct {
	Title  string
	Step   time.Duration // of a period: an hour or a day
	Kinds  []ChartKind
	Points []ChartPoint // in the order of time
}

// ChartKind is one kind of what is counted, such as "Refused".
type ChartKind struct {
	Name  string
	Class string // good or bad, which the stylesheet draws apart
}

// ChartPoint is what was counted in the period from Start, kind by kind.
type ChartPoint struct {
	Start  time.Time
	Counts []int64
	SoFar  bool // the period has not ended
}

// Name is the period in words, in UTC.
func (c TimeChart) name(p ChartPoint) string {
	at, name := p.Start.UTC(), ""
	if c.Step < 24*time.Hour {
		name = at.Format("2 Jan 15:04") + "–" + at.Add(c.Step).Format("15:04")
	} else {
		name = at.Format("Monday 2 Jan")
	}
	if p.SoFar {
		name += ", so far"
	}
	return name
}

// tick is the period on the axis, where there is little room.
func (c TimeChart) tick(p ChartPoint) string {
	if c.Step < 24*time.Hour {
		return p.Start.UTC().Format("15:04")
	}
	return p.Start.UTC().Format("2 Jan")
}

// The plot is as wide as there is room, so x is in hundredths of the width;
// y is in pixels, from the top.
const (
	plotTop    = 10.0
	plotBottom = 190.0
	// mostTicks along the time axis fit on a phone.
	mostTicks = 6
)

// chartLayout is a chart with everything placed.
type chartLayout struct {
	Lines []chartLine // across, lowest first
	Slots []chartSlot
	Ticks []chartTick
	Rows  []chartRow
	Total []string // of each kind, in words
	Empty bool
}

type chartLine struct {
	Y     string
	Label string
}

type chartSlot struct {
	Name     string
	X, Width string // in per cent
	Bars     []chartBar
}

type chartBar struct {
	Class               string
	X, Width, Y, Height string
}

type chartTick struct{ X, Label string }

type chartRow struct {
	Name   string
	Counts []string
}

// Layout places the chart.
func (c TimeChart) Layout() chartLayout {
	var l chartLayout
	most := int64(0)
	totals := make([]int64, len(c.Kinds))
	for _, p := range c.Points {
		sum := int64(0)
		for i, n := range p.Counts {
			sum += n
			totals[i] += n
		}
		most = max(most, sum)
	}
	l.Empty = most == 0
	for i, k := range c.Kinds {
		l.Total = append(l.Total, grouped(totals[i])+" "+strings.ToLower(k.Name))
	}
	lines := scale(most)
	top := lines[len(lines)-1]
	height := func(n int64) float64 { return (plotBottom - plotTop) * float64(n) / float64(top) }
	for _, n := range lines {
		l.Lines = append(l.Lines, chartLine{Y: decimal(plotBottom - height(n)), Label: grouped(n)})
	}
	if len(c.Points) == 0 {
		return l
	}
	slot := 100 / float64(len(c.Points))
	each := (len(c.Points) + mostTicks - 1) / mostTicks
	for i, p := range c.Points {
		x := slot * float64(i)
		s := chartSlot{X: percent(x), Width: percent(slot), Name: c.name(p) + ": "}
		row := chartRow{Name: c.name(p)}
		y := plotBottom
		for k, n := range p.Counts {
			if k > 0 {
				s.Name += ", "
			}
			s.Name += grouped(n) + " " + strings.ToLower(c.Kinds[k].Name)
			row.Counts = append(row.Counts, grouped(n))
			if n == 0 {
				continue
			}
			y -= height(n)
			s.Bars = append(s.Bars, chartBar{
				Class: c.Kinds[k].Class, X: percent(x + slot*0.15), Width: percent(slot * 0.7),
				Y: decimal(y), Height: decimal(height(n)),
			})
		}
		l.Slots, l.Rows = append(l.Slots, s), append(l.Rows, row)
		// The marks are counted from the last period, which is today or now.
		if (len(c.Points)-1-i)%each == each/2 {
			l.Ticks = append(l.Ticks, chartTick{X: percent(x + slot/2), Label: c.tick(p)})
		}
	}
	return l
}

// scale are the lines across a chart whose highest bar is most: from zero, in
// steps of 1, 2 or 5 times a power of ten, three to six of them.
func scale(most int64) []int64 {
	step := int64(1)
	for _, factor := range []int64{2, 5, 10} {
		if 4*step >= most {
			break
		}
		step = factor
	}
	for magnitude := int64(10); 4*step < most; magnitude *= 10 {
		for _, factor := range []int64{2, 5, 10} {
			if step = factor * magnitude; 4*step >= most {
				break
			}
		}
	}
	lines := []int64{0}
	for lines[len(lines)-1] < most || len(lines) < 2 {
		lines = append(lines, lines[len(lines)-1]+step)
	}
	return lines
}

// BarList is counts by name, each with a bar, shown by {{template "bar-list"
// .Reasons}}. The longest bar is the largest count.
type BarList struct {
	Title string
	Name  string // what the names are, such as "Reason"
	Count string // what is counted, such as "Refused"
	Bars  []NamedCount
}

// NamedCount is one line of a BarList.
type NamedCount struct {
	Name  string
	Path  string // where more is said; "" = nowhere
	Count int64
	Class string // good or bad
}

// Width of a bar, in per cent of the largest.
func (b BarList) Width(of NamedCount) string {
	most := int64(1)
	for _, bar := range b.Bars {
		most = max(most, bar.Count)
	}
	return percent(100 * float64(of.Count) / float64(most))
}

// Sparkline is counts over time in the space of a word, shown by {{template
// "sparkline" .Trend}}. It begins at zero as well.
type Sparkline struct {
	Label  string // what it shows, in words
	Counts []int64
}

// Line is the curve as the points of a polyline in a box of 100 by 20.
func (s Sparkline) Line() string {
	most := int64(1)
	for _, n := range s.Counts {
		most = max(most, n)
	}
	var b strings.Builder
	for i, n := range s.Counts {
		if i > 0 {
			b.WriteByte(' ')
		}
		x := 50.0
		if len(s.Counts) > 1 {
			x = 100 * float64(i) / float64(len(s.Counts)-1)
		}
		b.WriteString(decimal(x) + "," + decimal(19-18*float64(n)/float64(most)))
	}
	return b.String()
}

// Share is part of whole in words: "1.4 %"; "–" of nothing. What is not
// nothing is never shown as none, nor what is not all as all.
func Share(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	tenths := part * 1000 / whole
	switch {
	case part == 0 || part == whole || tenths%10 == 0 && tenths > 0:
		return strconv.FormatInt(tenths/10, 10) + " %"
	case tenths == 0:
		return "under 0.1 %"
	}
	return strconv.FormatFloat(float64(tenths)/10, 'f', 1, 64) + " %"
}

func percent(n float64) string { return decimal(n) + "%" }

// decimal is n with up to two digits behind the point, for geometry.
func decimal(n float64) string {
	text := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(n, 'f', 2, 64), "0"), ".")
	if text == "-0" {
		return "0"
	}
	return text
}
