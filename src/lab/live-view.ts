export async function runLiveView(_o: unknown): Promise<void> {}
