const { channel, message } = JSON.parse(document.querySelector("[data-page]").dataset.page)
const waiting = new BroadcastChannel(channel)
waiting.onmessage = () => close()
waiting.postMessage(message)
