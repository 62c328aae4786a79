package httphead

import (
	"strings"
	"testing"
)

func TestCheckUpgrade(t *testing.T) {
	const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	shake := func(lines ...string) string {
		return "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + crlf(lines)
	}
	const version = "Sec-WebSocket-Version: 13"
	for _, c := range []struct {
		name, in string
		err      error
	}{
		{"browser", firefox, nil},
		{"least", shake(version, key), nil},
		{"empty body", shake(version, key, "Content-Length: 0"), nil},
		{"one Authorization", shake(version, key, "Authorization: Bearer x"), nil},
		{"lower case", strings.Replace(strings.ToLower(upgrade("/")), "get / http", "GET / HTTP", 1), nil},
		{"last digit's spare bits", shake(version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=="), nil},
		{"plain", with(), ErrNoUpgrade},
		{"option without the field", with("Connection: Upgrade", version, key), ErrNoUpgrade},
		{"h2c", with("Connection: Upgrade", "Upgrade: h2c", version, key), ErrNoUpgrade},
		{"POST", strings.Replace(shake(version, key), "GET", "POST", 1), ErrUpgradeMethod},
		{"lower-case get", strings.Replace(shake(version, key), "GET", "get", 1), ErrUpgradeMethod},
		{"1.0", strings.Replace(shake(version, key), "1.1", "1.0", 1), ErrUpgrade10},
		{"body", shake(version, key, "Content-Length: 1"), ErrUpgradeBody},
		{"chunked", shake(version, key, "Transfer-Encoding: chunked"), ErrUpgradeBody},
		{"no version", shake(key), ErrNoVersion},
		{"version 8", shake("Sec-WebSocket-Version: 8", key), ErrVersion13},
		{"version 013", shake("Sec-WebSocket-Version: 013", key), ErrVersion13},
		{"two versions in one", shake("Sec-WebSocket-Version: 13, 8", key), ErrVersion13},
		{"empty version", shake("Sec-WebSocket-Version:", key), ErrVersion13},
		{"two versions", shake(version, version, key), ErrVersionRepeated},
		{"no key", shake(version), ErrNoKey},
		{"two keys", shake(version, key, key), ErrKeyRepeated},
		{"empty key", shake(version, "Sec-WebSocket-Key:"), ErrKey},
		{"15 octets", shake(version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), ErrKey},
		{"17 octets", shake(version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="), ErrKey},
		{"18 octets", shake(version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"), ErrKey},
		{"other alphabet", shake(version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA-_=="), ErrKey},
		{"padding within", shake(version, "Sec-WebSocket-Key: AAAA==AAAAAAAAAAAAAAAA=="), ErrKey},
		{"half the padding", shake(version, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=A"), ErrKey},
		{"key with more", shake(version, key+", a"), ErrKey},
		{"two Authorizations", shake(version, key, "Authorization: a", "authorization: a"), ErrAuthorizationsRepeated},
	} {
		r := new(Request)
		if _, err := read(t, r, c.in, Limits{}); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := r.CheckUpgrade(); err != c.err {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
	}
}

func TestAppendUpgrade(t *testing.T) {
	const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, c := range []struct{ name, in, out string }{
		{
			"everything else as it came",
			"GET /ws?access_token=t HTTP/1.1\r\nhOST:  a \r\nX-A: 1\r\nconnection:keep-alive ,  upgrade\r\nx-a:\r\nupgrade:\tWebSocket\r\n" + key + "X-A:\t2\x80\r\n\r\n",
			"GET /ws HTTP/1.1\r\nhOST:  a \r\nX-A: 1\r\nConnection: Upgrade\r\nx-a:\r\nUpgrade: websocket\r\n" + key + "X-A:\t2\x80\r\nAuthorization: Bearer t\r\n\r\n",
		},
		{
			"several Connections and Upgrades",
			"GET /ws HTTP/1.1\r\nConnection: keep-alive\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n" + key + "Connection: close\r\n\r\n",
			"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nHost: a\r\nUpgrade: websocket\r\n" + key + "\r\n",
		},
		{
			"own Authorization stays",
			"GET /ws?a HTTP/1.1\r\nUpgrade: websocket\r\nauthorization:  Basic x\r\nConnection: Upgrade\r\nHost: a\r\n" + key + "\r\n",
			"GET /ws?a HTTP/1.1\r\nUpgrade: websocket\r\nauthorization:  Basic x\r\nConnection: Upgrade\r\nHost: a\r\n" + key + "\r\n",
		},
		{
			"own Authorization stays beside an empty token",
			"GET /ws?access_token= HTTP/1.1\r\nUpgrade: websocket\r\nauthorization: Basic x\r\nConnection: Upgrade\r\nHost: a\r\n" + key + "\r\n",
			"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nauthorization: Basic x\r\nConnection: Upgrade\r\nHost: a\r\n" + key + "\r\n",
		},
		{
			"own Authorization replaced in its place",
			"GET /ws?access_token=t HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key + "\r\n",
			"GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key + "\r\n",
		},
		{
			"two Authorizations, should CheckUpgrade not have been asked",
			"GET /ws?authorization=basic+t HTTP/1.1\r\nAuthorization: x\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key + "AUTHORIZATION: y\r\n\r\n",
			"GET /ws HTTP/1.1\r\nAuthorization: basic t\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key + "\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustRequest(t, c.in)
			cred, err := r.Credential(params)
			if err != nil {
				t.Fatal(err)
			}
			before := "what was there"
			if out := string(r.AppendUpgrade([]byte(before), cred)); out != before+c.out {
				t.Errorf("got  %q\nwant %q", out, before+c.out)
			}
		})
	}
}

// The example of RFC 6455 section 1.3.
func TestAcceptKey(t *testing.T) {
	var accept [28]byte
	AcceptKey(&accept, mustRequest(t, firefox).Key())
	if string(accept[:]) != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%s", accept[:])
	}
	// No key of this length passes CheckUpgrade; the array must not matter all the same.
	AcceptKey(&accept, []byte(strings.Repeat("x", 1000)))
	AcceptKey(&accept, nil)
	if string(accept[:]) != "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=" {
		t.Errorf("no key: %s", accept[:])
	}
}

func TestCheckAccepted(t *testing.T) {
	const up, option, accept = "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	head := func(lines ...string) string { return "HTTP/1.1 101 x\r\n" + crlf(lines) }
	var want [28]byte
	copy(want[:], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	for _, c := range []struct {
		name, in string
		err      error
	}{
		{"server", switching, nil},
		{"least", head(up, option, accept), nil},
		{"options", head(up, "Connection: keep-alive", "Connection: a b, UPGRADE", accept), nil},
		{"length zero", head(up, option, accept, "Content-Length: 0"), nil},
		{"200", strings.Replace(switching, "101", "200", 1), ErrNotSwitching},
		{"100", strings.Replace(switching, "101", "100", 1), ErrNotSwitching},
		{"1.0", strings.Replace(switching, "1.1", "1.0", 1), ErrSwitching10},
		{"length", head(up, option, accept, "Content-Length: 1"), ErrSwitchingBody},
		{"chunked", head(up, option, accept, "Transfer-Encoding: chunked"), ErrSwitchingBody},
		{"no upgrade", head(option, accept), ErrAnswerUpgrade},
		{"other upgrade", head("Upgrade: h2c", option, accept), ErrAnswerUpgrade},
		{"two protocols", head("Upgrade: websocket, h2c", option, accept), ErrAnswerUpgrade},
		{"two upgrades", head(up, up, option, accept), ErrAnswerUpgrade},
		{"no option", head(up, accept), ErrAnswerOption},
		{"other option", head(up, "Connection: close, upgrades", accept), ErrAnswerOption},
		{"no accept", head(up, option), ErrNoAccept},
		{"two accepts", head(up, option, accept, accept), ErrAcceptRepeated},
		{"wrong accept", head(up, option, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), ErrAccept},
		{"accept in another case", head(up, option, strings.ToLower(accept)), ErrAccept},
		{"accept with more", head(up, option, accept+"="), ErrAccept},
		{"empty accept", head(up, option, "Sec-WebSocket-Accept:"), ErrAccept},
	} {
		if err := mustResponse(t, c.in).CheckAccepted(&want); err != c.err {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
	}
}
