package httphead

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// An upgrade that is accepted goes out as a head that nobody can read in two ways: one Connection,
// one Upgrade, with a token one Authorization that is the token decoded, and no token in the target.
func FuzzUpgrade(f *testing.F) {
	for _, q := range []string{
		"?access_token=a%2Bb+c", "?a=1&access_token=x&b", "?%61ccess_token=%41&&", "?access_token=", "?access_token&a", "?authorization=Basic+x%3D", "?authorization=Bearer%20x&access_tokens=y",
		"?access_token=%0d%0aA:b", "?ticket=a&?", "?access_token=a&access_token=b", "?%", "?", "",
	} {
		f.Add([]byte(upgrade("/ws" + q)))
		f.Add([]byte(upgrade("/ws"+q, "Authorization: Basic y", "Connection: keep-alive")))
	}
	f.Add([]byte(firefox))
	f.Fuzz(oneReading)
}

func oneReading(t *testing.T, in []byte) {
	n, err := End(in, 0, Limits{})
	var r Request
	if n == 0 || err != nil || r.Parse(in[:n], Limits{}) != nil || r.CheckUpgrade() != nil {
		return
	}
	c, err := r.Credential(params)
	if err != nil {
		if c != (Credential{}) {
			t.Fatalf("%v and yet %+v", err, c)
		}
		return
	}
	out := r.AppendUpgrade(nil, c)
	if n, err := End(out, 0, Limits{Bytes: 32 << 10}); n != len(out) || err != nil {
		t.Fatalf("End of what goes out: %d of %d, %v: %q", n, len(out), err, out)
	}
	var up Request
	if err := up.Parse(out, Limits{Bytes: 32 << 10, Fields: 101}); err != nil {
		t.Fatalf("what goes out is refused: %v: %q", err, out)
	}
	if err := up.CheckUpgrade(); err != nil {
		t.Fatalf("what goes out is no upgrade: %v: %q", err, out)
	}
	std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
	if err != nil {
		t.Fatalf("net/http refuses what goes out: %v: %q", err, out)
	}
	if v := std.Header["Connection"]; len(v) != 1 || v[0] != "Upgrade" {
		t.Fatalf("Connection %q", v)
	}
	if v := std.Header["Upgrade"]; len(v) != 1 || v[0] != "websocket" {
		t.Fatalf("Upgrade %q", v)
	}
	if again, err := up.Credential(params); err != nil || again.Cut() {
		t.Fatalf("a credential is left in %q: %v", up.Target, err)
	}
	kind, want, target := slowly(t, string(r.Target))
	if c.Kind != kind || string(up.Target) != target {
		t.Fatalf("%d, %q from %q; want %d, %q", c.Kind, up.Target, r.Target, kind, target)
	}
	auth := std.Header["Authorization"]
	if kind == NoCredential {
		if old, n := r.Get("Authorization"); len(auth) != n || n == 1 && auth[0] != string(old) {
			t.Fatalf("Authorization %q, was %q", auth, old)
		}
	} else if len(auth) != 1 || auth[0] != want {
		t.Fatalf("Authorization %q, want %q", auth, want)
	}
	compareFields(t, without(r.Fields), headerWithout(std.Header))
}

// slowly does with net/url what Credential and AppendUpgrade do with the target of a valid request.
func slowly(t *testing.T, target string) (kind CredentialKind, authorization, left string) {
	path, query, has := strings.Cut(target, "?")
	if !has {
		return NoCredential, "", target
	}
	var kept []string
	for _, piece := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(piece, "=")
		name, err := url.PathUnescape(name)
		if err != nil {
			t.Fatalf("name in %q: %v", piece, err)
		}
		switch name {
		case params.Token:
			if value, err = url.PathUnescape(value); value != "" {
				kind, authorization = Token, "Bearer "+value
			}
		case params.Authorization:
			if value, err = url.QueryUnescape(value); value != "" {
				kind, authorization = Authorization, value
			}
		default:
			kept = append(kept, piece)
		}
		if err != nil {
			t.Fatalf("value in %q: %v", piece, err)
		}
	}
	if len(kept) == 0 {
		return kind, authorization, path
	}
	return kind, authorization, path + "?" + strings.Join(kept, "&")
}

var rewritten = []string{"Host", "Connection", "Upgrade", "Authorization", "Trailer", "Cache-Control"}

func without(fields []Field) (left []Field) {
next:
	for _, f := range fields {
		for _, name := range rewritten {
			if strings.EqualFold(string(f.Name), name) {
				continue next
			}
		}
		left = append(left, f)
	}
	return left
}

func headerWithout(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range rewritten {
		h.Del(name)
	}
	return h
}
