package proxy

import "github.com/wssplice/wssplice/httphead"

// The steps head, route and credential, which need no socket: what a request is,
// and whether it may pass. They are the same on a loop and in an exchange.

// verdict is what is to be done with a request.
type verdict struct {
	upgrade bool // tunnel it; else it is a plain request
	cred    httphead.Credential
	refused bool
	why     reason
	detail  string // for the client; never holds a byte of the request
}

func refuse(why reason, detail string) verdict {
	return verdict{refused: true, why: why, detail: detail}
}

// judge parses the complete head into r and decides. Nothing has been dialled yet:
// a mail server never sees a request that is refused here, and so cannot ban the
// proxy's address for it.
func (p *Proxy) judge(r *httphead.Request, head []byte) (v verdict) {
	if err := r.Parse(head, p.set.limits); err != nil {
		return refuse(headReason(err, refusedHead))
	}
	if !p.set.allow.Path(r.Path) {
		return refuse(refusedPath, "")
	}
	if r.Upgrade != httphead.WebSocket {
		return v
	}
	if err := r.CheckUpgrade(); err != nil {
		return refuse(headReason(err, refusedUpgrade))
	}
	cred, err := r.Credential(p.set.params)
	if err != nil {
		return refuse(refusedToken, err.Error())
	}
	v.upgrade, v.cred = true, cred
	return v
}
