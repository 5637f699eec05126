#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), snapback::lambda::Error> {
    Box::pin(logfiles::run()).await
}
