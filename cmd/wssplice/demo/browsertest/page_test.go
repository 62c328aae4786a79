package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds the whole visit; a cold chromium on a busy machine takes its time.
const patience = 90 * time.Second

// The token of the demo, decoded and as the page puts it into the URL.
var tokenForms = []string{"demo+mail/token", "demo%2Bmail%2Ftoken"}

func TestPage(t *testing.T) {
	chromium := findChromium(t)
	demo := start(t)
	tab, trouble := openTab(t, chromium, demo.page)

	see(t, tab, "the tunnel to open and two pushes to arrive", `
		document.querySelector("#state").textContent === "connected" &&
		document.querySelectorAll("#pushes tr").length >= 2`)
	see(t, tab, "the echo to come back", `/^\d+\.\d ms$/.test(document.querySelector("#echo").textContent)`)
	rising := eval[bool](t, tab, `(() => {
		const states = [...document.querySelectorAll("#pushes tr")].map(r => +r.cells[1].textContent);
		return states.every((s, i) => i === 0 || s < states[i - 1]);
	})()`)
	if !rising {
		t.Error("the newest push is not on top with the highest pushState")
	}

	do(t, tab, chromedp.Click[chromedp.CSS]("#wrong"))
	see(t, tab, "the wrong token to be refused", `
		document.querySelector("#note").textContent.startsWith("The wrong token was refused with code 1006")`)
	see(t, tab, "the pushes to go on beside it", `document.querySelectorAll("#pushes tr").length >= 5`)
	demo.await("and the answer: HTTP/1.1 401 Unauthorized")

	shoot(t, tab, "light", "light", 900, 860)
	shoot(t, tab, "dark", "dark", 900, 860)
	shoot(t, tab, "narrow", "light", 390, 1100)

	do(t, tab, chromedp.Click[chromedp.CSS]("#disconnect"))
	see(t, tab, "Disconnect to close with 1000", `document.querySelector("#state").textContent.startsWith("closed, code 1000")`)
	do(t, tab, chromedp.Click[chromedp.CSS]("#reconnect"))
	see(t, tab, "Reconnect to open another tunnel", `document.querySelector("#state").textContent === "connected"`)
	demo.await("and the answer: HTTP/1.1 101 Switching Protocols\n", "and the answer: HTTP/1.1 101 Switching Protocols\n")

	demo.stop()
	see(t, tab, "the page to hear that the demo stops", `document.querySelector("#state").textContent.startsWith("closed, code 1001")`)
	shoot(t, tab, "stopped", "dark", 900, 860)

	for _, s := range trouble() {
		t.Error(s)
	}
	before, rest, _ := strings.Cut(demo.String(), "curl ")
	_, after, _ := strings.Cut(rest, "\n\n")
	for _, form := range tokenForms {
		if strings.Contains(before+after, form) {
			t.Errorf("%s is printed outside the curl command:\n%s", form, demo)
		}
	}
	t.Logf("the demo printed:\n%s", demo)
}

// openTab opens page in a fresh chromium. trouble gives the uncaught errors of
// the page's script and the requests that left the page's origin.
func openTab(t *testing.T, chromium, page string) (tab context.Context, trouble func() []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(chromium),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless,
		chromedp.NoSandbox, // root in a container has no sandbox
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), // /dev/shm is small in a container
	)
	t.Cleanup(cancel)
	tab, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	var mu sync.Mutex
	var seen []string
	err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			seen = append(seen, "uncaught in the page: "+e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, page) && !strings.HasPrefix(u, "data:") {
				seen = append(seen, "the page asked for "+u)
			}
		}
	})
	if err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	command(t, tab, network.Enable, network.EnableParams{})
	do(t, tab, chromedp.Navigate(page))
	return tab, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

func command[P, R any](t *testing.T, tab context.Context, c cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(tab, c, params); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// see waits until the page fulfils a condition. It asks again and again from here:
// chromedp.Poll compiles its condition in the page, whose policy forbids eval.
func see(t *testing.T, tab context.Context, what, condition string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !eval[bool](t, tab, condition); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s; the page reads:\n%s", what, eval[string](t, tab, "document.body.innerText"))
		}
	}
}

// shoot writes a picture of the page into $SCREENSHOTS, if that is set.
func shoot(t *testing.T, tab context.Context, name, scheme string, width, height int64) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	command(t, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	do(t, tab, chromedp.EmulateViewport(width, height))
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100)) // 100: PNG
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, fmt.Sprintf("demo-%s.png", name))
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
