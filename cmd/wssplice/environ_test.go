package main

import (
	"reflect"
	"testing"
)

func TestVariable(t *testing.T) {
	for flag, want := range map[string]string{
		"listen":                      "WSSPLICE_LISTEN",
		"dial-timeout":                "WSSPLICE_DIAL_TIMEOUT",
		"max-connections-per-address": "WSSPLICE_MAX_CONNECTIONS_PER_ADDRESS",
	} {
		if got := variable(flag); got != want {
			t.Errorf("--%s: got %s, want %s", flag, got, want)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	env := environ{
		"PATH=/bin",
		"WSSPLICE_UPSTREAM=http://127.0.0.1:1",
		"WSSPLICE_DAIL_TIMEOUT=5s",
		"WSSPLICE_FROBNICATE=1",
		"WSSPLICE_HELP=1",
		// A Service named wssplice and one named wssplice-admin, as Kubernetes announces them.
		"WSSPLICE_PORT=tcp://10.0.0.1:80",
		"WSSPLICE_SERVICE_HOST=10.0.0.1",
		"WSSPLICE_SERVICE_PORT=80",
		"WSSPLICE_SERVICE_PORT_HTTP=80",
		"WSSPLICE_PORT_80_TCP=tcp://10.0.0.1:80",
		"WSSPLICE_PORT_80_TCP_ADDR=10.0.0.1",
		"WSSPLICE_PORT_80_TCP_PROTO=tcp",
		"WSSPLICE_ADMIN_PORT=tcp://10.0.0.2:9090",
		"WSSPLICE_ADMIN_SERVICE_HOST=10.0.0.2",
	}
	want := []unknownVariable{
		{"WSSPLICE_DAIL_TIMEOUT", "WSSPLICE_DIAL_TIMEOUT"},
		{"WSSPLICE_FROBNICATE", ""},
		{"WSSPLICE_HELP", ""},
	}
	if got := env.unknown(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNoFlagLooksLikeServiceLink: Kubernetes would set such a flag behind the operator's back.
func TestNoFlagLooksLikeServiceLink(t *testing.T) {
	known := knownVariables()
	if len(known) < 25 {
		t.Fatalf("only %d variables known", len(known))
	}
	for _, name := range known {
		if serviceLink.MatchString(name) {
			t.Errorf("%s could come from a Service's name", name)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"dial", "dial", 0}, {"dail", "dial", 2}, {"listn", "listen", 1}, {"kitten", "sitting", 3},
	} {
		if got := edits(tc.a, tc.b); got != tc.want {
			t.Errorf("%q, %q: got %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
