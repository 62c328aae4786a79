package httphead

import (
	"strings"
	"testing"
)

var params = Params{Token: "access_token", Authorization: "authorization"}

// cutOut returns the request line that goes upstream and the Authorization that was put in.
func cutOut(t *testing.T, r *Request, c Credential) (target, authorization string) {
	t.Helper()
	out := string(r.AppendUpgrade(nil, c))
	line, _, _ := strings.Cut(out, "\r\n")
	target = strings.TrimSuffix(strings.TrimPrefix(line, "GET "), " HTTP/1.1")
	up := mustRequest(t, out)
	v, n := up.Get("Authorization")
	if n > 1 {
		t.Errorf("%d Authorization fields", n)
	}
	return target, string(v)
}

func TestCredential(t *testing.T) {
	for _, c := range []struct {
		target, upstream string
		kind             CredentialKind
		authorization    string
	}{
		{"/ws?access_token=x", "/ws", Token, "Bearer x"},
		{"/ws?access_token=x&b=2", "/ws?b=2", Token, "Bearer x"},
		{"/ws?a=1&access_token=x", "/ws?a=1", Token, "Bearer x"},
		{"/ws?a=1&access_token=x&b=2", "/ws?a=1&b=2", Token, "Bearer x"},
		{"/ws?&access_token=x", "/ws?", Token, "Bearer x"},
		{"/ws?access_token=x&", "/ws?", Token, "Bearer x"},
		{"/ws?&&access_token=x&&", "/ws?&&&", Token, "Bearer x"},
		{"/ws?a=%20+%zz&access_token=x&=&c", "/ws?a=%20+%zz&=&c", Token, "Bearer x"},
		{"/a%20b/?b=%3F?&access_token=x", "/a%20b/?b=%3F?", Token, "Bearer x"},
		{"/ws?access_token=a%2Bb+c%2fd%3D", "/ws", Token, "Bearer a+b+c/d="},
		{"/ws?access_token=a=b=", "/ws", Token, "Bearer a=b="},
		{"/ws?access_token=%2541", "/ws", Token, "Bearer %41"},
		{"/ws?access_token=%26%3d%23", "/ws", Token, "Bearer &=#"},
		{"/ws?%61ccess%5ftoken=x", "/ws", Token, "Bearer x"},
		{"/ws?%61%63%63%65%73%73%5F%74%6f%6B%65%6e=x", "/ws", Token, "Bearer x"},
		{"/ws?access_token=", "/ws", NoCredential, ""},
		{"/ws?access_token", "/ws", NoCredential, ""},
		{"/ws?a=1&access_token&b", "/ws?a=1&b", NoCredential, ""},
		{"/ws?authorization=Basic+amFuZTpzZWNyZXQ%3D", "/ws", Authorization, "Basic amFuZTpzZWNyZXQ="},
		{"/ws?a&authorization=Bearer%20x&b", "/ws?a&b", Authorization, "Bearer x"},
		{"/ws?authorization=bEARER+a%2Bb", "/ws", Authorization, "bEARER a+b"},
		{"/ws?authorization=", "/ws", NoCredential, ""},

		{"/ws", "/ws", NoCredential, ""},
		{"/ws?", "/ws?", NoCredential, ""},
		{"/ws?ticket=abc%2B+", "/ws?ticket=abc%2B+", NoCredential, ""},
		{"/ws?a&&b=%&c", "/ws?a&&b=%&c", NoCredential, ""},
		{"/ws?Access_Token=x", "/ws?Access_Token=x", NoCredential, ""},
		{"/ws?access_tokens=x&access_toke=y&xaccess_token=z", "/ws?access_tokens=x&access_toke=y&xaccess_token=z", NoCredential, ""},
		{"/ws?access+token=x&access_token%00=y&%25access_token=z", "/ws?access+token=x&access_token%00=y&%25access_token=z", NoCredential, ""},
		{"/ws?a=access_token=x", "/ws?a=access_token=x", NoCredential, ""},
		{"/ws?a;access_token=x", "/ws?a;access_token=x", NoCredential, ""},
		{"/ws?=access_token", "/ws?=access_token", NoCredential, ""},
		{"/access_token=x", "/access_token=x", NoCredential, ""},
	} {
		t.Run(c.target, func(t *testing.T) {
			r := mustRequest(t, upgrade(c.target))
			cred, err := r.Credential(params)
			if err != nil || cred.Kind != c.kind || cred.Cut() != (c.target != c.upstream) {
				t.Fatalf("%+v, cut %v, %v", cred, cred.Cut(), err)
			}
			if target, authorization := cutOut(t, r, cred); target != c.upstream || authorization != c.authorization {
				t.Errorf("target %q with %q; want %q with %q", target, authorization, c.upstream, c.authorization)
			}
		})
	}
}

func TestCredentialRefused(t *testing.T) {
	for _, c := range []struct {
		query string
		err   error
	}{
		{"access_token=a%0d%0aX-Injected:%201", ErrToken},
		{"access_token=a%00", ErrToken},
		{"access_token=a%20b", ErrToken},
		{"access_token=a%09", ErrToken},
		{"access_token=%7f", ErrToken},
		{"access_token=%c3%a4", ErrToken},
		{"access_token=a%", ErrTokenEscape},
		{"access_token=a%4", ErrTokenEscape},
		{"access_token=%g1", ErrTokenEscape},
		{"access_token=%1g&a=b", ErrTokenEscape},
		{"access_token=a%&b=41", ErrTokenEscape},
		{"access_token=a&access_token=a", ErrCredentialRepeated},
		{"access_token=a&access_token=", ErrCredentialRepeated},
		{"access_token&b&%61ccess_token=a", ErrCredentialRepeated},
		{"authorization=&authorization=Basic+a", ErrCredentialRepeated},
		{"access_token=a&authorization=Basic+a", ErrCredentials},
		{"authorization=Basic+a&access_token=a", ErrCredentials},
		{"authorization=&access_token=a", ErrCredentials},
		{"%=a", ErrQueryEscape},
		{"a%4&access_token=b", ErrQueryEscape},
		{"access_token=b&c%zz", ErrQueryEscape},
		{"authorization=Basic", ErrAuthorization},
		{"authorization=Basic+", ErrAuthorization},
		{"authorization=Basic++a", ErrAuthorization},
		{"authorization=Basic+a+b", ErrAuthorization},
		{"authorization=Basic%09a", ErrAuthorization},
		{"authorization=+Basic+a", ErrAuthorization},
		{"authorization=Digest+a", ErrAuthorization},
		{"authorization=Bearers+a", ErrAuthorization},
		{"authorization=Bearer-and-more+a", ErrAuthorization},
		{"authorization=Bearer+a%0d%0ab:c", ErrAuthorization},
		{"authorization=Bearer+a%0d%0a", ErrAuthorization},
		{"authorization=Bearer+%e4", ErrAuthorization},
		{"authorization=%zzBearer+a", ErrAuthorizationEscape},
		{"authorization=Bearer+a%2", ErrAuthorizationEscape},
	} {
		r := mustRequest(t, upgrade("/ws?"+c.query))
		if cred, err := r.Credential(params); err != c.err || cred != (Credential{}) {
			t.Errorf("%s: %+v, %v; want %v", c.query, cred, err, c.err)
		}
	}
}

func TestParamsTurnedOff(t *testing.T) {
	r := mustRequest(t, upgrade("/ws?access_token=a&authorization=Basic+b&=c&"))
	for _, p := range []Params{{}, {Token: "jwt"}, {Authorization: "auth"}} {
		if cred, err := r.Credential(p); err != nil || cred.Cut() || cred.Kind != NoCredential {
			t.Errorf("%+v: %+v, %v", p, cred, err)
		}
	}
	cred, err := r.Credential(Params{Authorization: "access_token", Token: "authorization"})
	if err != ErrCredentials {
		t.Errorf("other names: %+v, %v", cred, err)
	}
	if cred, err = r.Credential(Params{Token: "authorization"}); err != nil || cred.Kind != Token {
		t.Errorf("the same name for a token: %+v, %v", cred, err)
	}
	if target, authorization := cutOut(t, r, cred); target != "/ws?access_token=a&=c&" || authorization != "Bearer Basic+b" {
		t.Errorf("%q, %q", target, authorization)
	}
}
