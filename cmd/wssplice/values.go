package main

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// The types of this file read one flag's value each. Their errors say what to
// write instead; the flag's or variable's name is put in front by the caller.

// readers are the kong options that make it read these types through readValue.
func readers() []kong.Option {
	var options []kong.Option
	for _, t := range []reflect.Type{
		reflect.TypeFor[text](), reflect.TypeFor[list](),
		reflect.TypeFor[duration](), reflect.TypeFor[size](), reflect.TypeFor[count](),
		reflect.TypeFor[logLevel](), reflect.TypeFor[logFormat](),
	} {
		options = append(options, kong.TypeMapper(t, kong.MapperFunc(readValue)))
	}
	return options
}

// readValue implements kong.MapperFunc. kong's own mappers do not say what the
// value that they miss would look like.
func readValue(ctx *kong.DecodeContext, target reflect.Value) error {
	if !ctx.Scan.Peek().IsValue() {
		return fmt.Errorf("a value is missing: write --%s %s", ctx.Value.Name, ctx.Value.Flag.PlaceHolder)
	}
	value := fmt.Sprint(ctx.Scan.Pop().Value)
	return target.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(value))
}

// text is a value that its user judges.
type text string

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *text) UnmarshalText(value []byte) error {
	*t = text(strings.TrimSpace(string(value)))
	return nil
}

// list is a repeatable flag. One value may hold several elements with commas
// between them, blanks around which do not count.
type list []string

var errEmpty = errors.New("an empty value has no meaning here: leave the flag out for its default")

// UnmarshalText implements encoding.TextUnmarshaler; it adds to what l holds.
func (l *list) UnmarshalText(value []byte) error {
	for element := range strings.SplitSeq(string(value), ",") {
		if element = strings.TrimSpace(element); element == "" {
			return errEmpty
		}
		*l = append(*l, element)
	}
	return nil
}

// duration is a time limit. Only zero goes without a unit.
type duration time.Duration

var errDuration = errors.New("write a time with its unit, such as 500ms, 30s, 5m or 24h")

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	s := string(text)
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no time: %w", s, errDuration)
	case v < 0:
		return fmt.Errorf("%q is negative: %w", s, errDuration)
	}
	*d = duration(v)
	return nil
}

// String gives d as one would write it: 24h and not 24h0m0s.
func (d duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// size is a number of bytes.
type size int

var sizeUnits = []struct {
	suffix string
	bytes  int
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"B", 1}, // last: it ends the others too
}

var errSize = errors.New("write a whole number with its unit: B, KiB, MiB or GiB, such as 16KiB")

// UnmarshalText implements encoding.TextUnmarshaler.
func (z *size) UnmarshalText(text []byte) error {
	s := string(text)
	for _, unit := range sizeUnits {
		digits, found := strings.CutSuffix(s, unit.suffix)
		if !found {
			continue
		}
		n, err := parseCount(digits)
		if err != nil || n > math.MaxInt/unit.bytes {
			break
		}
		*z = size(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size: %w", s, errSize)
}

// String gives z in the largest unit that divides it.
func (z size) String() string {
	for _, unit := range []int{2, 1, 0} {
		if u := sizeUnits[unit]; z > 0 && int(z)%u.bytes == 0 {
			return strconv.Itoa(int(z)/u.bytes) + u.suffix
		}
	}
	return strconv.Itoa(int(z)) + "B"
}

// count is a number of things.
type count int

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *count) UnmarshalText(text []byte) error {
	n, err := parseCount(string(text))
	if err != nil {
		return fmt.Errorf("%q is no count: write a whole number, 0 or more", text)
	}
	*c = count(n)
	return nil
}

// parseCount takes decimal digits only: no sign, no blank, no underscore.
func parseCount(s string) (int, error) {
	if strings.Trim(s, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(s)
}

// logLevel is the least level that is logged.
type logLevel slog.Level

// UnmarshalText implements encoding.TextUnmarshaler. It takes the four names
// alone: slog would take WARN+1 as well.
func (l *logLevel) UnmarshalText(text []byte) error {
	switch string(text) {
	case "debug":
		*l = logLevel(slog.LevelDebug)
	case "info":
		*l = logLevel(slog.LevelInfo)
	case "warn":
		*l = logLevel(slog.LevelWarn)
	case "error":
		*l = logLevel(slog.LevelError)
	default:
		return fmt.Errorf("%q is no level: write debug, info, warn or error", text)
	}
	return nil
}

// String gives the name that UnmarshalText takes.
func (l logLevel) String() string { return strings.ToLower(slog.Level(l).String()) }

// logFormat is how a log line is written.
type logFormat string

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *logFormat) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "text", "json":
		*f = logFormat(s)
		return nil
	default:
		return fmt.Errorf("%q is no format: write text or json", s)
	}
}
