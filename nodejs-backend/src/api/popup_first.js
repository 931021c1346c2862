const place = document.querySelector("[data-page]"), link = document.querySelector("a")
const { origin, channel, lifetime, opened, expired, message } = JSON.parse(place.dataset.page)
function finish(message) {
  if (!opener) return
  opener.postMessage(message, origin)
  setTimeout(close, 2000)
}
if (message) finish(message)
else if (!opener) {
  place.textContent = "The page that opened this window is cut off from it. Open that page in a tab of its own, and sign in there."
  link.href = origin
  link.textContent = "Open " + origin
} else {
  const waiting = new BroadcastChannel(channel)
  waiting.onmessage = ({ data }) => {
    waiting.postMessage("received")
    finish(data)
  }
  setTimeout(finish, lifetime, expired)
  link.onclick = event => {
    event.preventDefault()
    open(link.href, "", "width=500,height=650")
    place.textContent = "Continue in the other window. If you have closed it, open it again."
  }
  opener.postMessage(opened, origin)
}
